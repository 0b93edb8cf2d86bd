/** The clipboard. */

/** How long a button says that it has copied. */
export const COPIED_SHOWN_MS = 2000;

/** Tells whether the browser let it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
