/**
 * Closes a code fence that a streamed answer has opened and not yet closed, so that the text after it does not jump
 * between code and prose while it arrives.
 */
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;

function closes(line: string, open: string): boolean {
  const [, fence = "", rest = ""] = FENCE.exec(line) ?? [];
  return fence[0] === open[0] && fence.length >= open.length && rest.trim() === "";
}

function openFence(lines: readonly string[]): string | null {
  let open: string | null = null;
  for (const line of lines) {
    if (open !== null) {
      if (closes(line, open)) open = null;
      continue;
    }
    const [, fence, info = ""] = FENCE.exec(line) ?? [];
    const isInlineCode = fence?.startsWith("`") === true && info.includes("`");
    if (fence !== undefined && !isInlineCode) open = fence;
  }
  return open;
}

export function closeOpenFences(markdown: string): string {
  const lines = markdown.split("\n");
  const open = openFence(lines);
  if (open === null) return markdown;
  const last = (lines.at(-1) ?? "").trim();
  const isHalfClosed = last !== "" && last.length < open.length && open.startsWith(last);
  const body = isHalfClosed ? lines.slice(0, -1) : lines;
  return [...body, open].join("\n");
}
