/**
 * Lets every block run in the direction of its own text; code always runs from left to right. `dir="auto"` passes over
 * children with a `dir` of their own, so containers get the direction of their first letter.
 */
const TEXTS = "p, h1, h2, h3, h4, h5, h6, li, th, td";
const CONTAINERS = "ul, ol, blockquote, table";
/** As far as a first letter is looked for. */
const HEAD_CHARS = 1000;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function directionOf(text: string): "ltr" | "rtl" {
  const [letter = ""] = /\p{L}/u.exec(text.slice(0, HEAD_CHARS)) ?? [];
  return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

export function setDirections(fragment: DocumentFragment): void {
  for (const block of fragment.querySelectorAll(TEXTS)) block.setAttribute("dir", "auto");
  for (const block of fragment.querySelectorAll(CONTAINERS)) block.setAttribute("dir", directionOf(block.textContent));
  for (const block of fragment.querySelectorAll("pre")) block.setAttribute("dir", "ltr");
}
