/**
 * Splits an answer into sections that can be parsed alone, so that the cost of a streamed answer is the cost of its
 * last section. A section that is too long for the parser, and all text past MAX_MARKDOWN_CHARS, is plain text.
 */
export interface Section {
  source: string;
  isPlain: boolean;
}

const MAX_SECTION_CHARS = 16_000;
const MAX_CODE_CHARS = 64_000;
const MAX_MARKDOWN_CHARS = 200_000;
/** A browser takes 0.3 s to lay out a table of 1,000 columns. */
const MAX_COLUMNS = 200;
/** Cells of all tables of an answer: a browser takes about 0.3 s for them. */
const MAX_CELLS = 5000;
const MAX_SECTIONS = 800;
export const PLAIN_CHARS = 4000;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** marked's time for inline text is quadratic in the length of a run of spaces. */
const LONG_GAP = /[ \t]{400}/;
const LIST_MARKER = /^(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;

/** Splits plain text after a line or a word where one ends in the second half of a piece. */
export function splitPlain(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + PLAIN_CHARS);
    if (end < text.length) {
      const line = text.lastIndexOf("\n", end - 1) + 1;
      const word = text.lastIndexOf(" ", end - 1) + 1;
      const least = start + PLAIN_CHARS / 2;
      if (line > least) end = line;
      else if (word > least) end = word;
      else if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end -= 1;
    }
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

class Splitter {
  readonly sections: Section[] = [];
  readonly #text: string;
  #start = 0;
  #fence: string | null = null;
  #hasList = false;
  #cells = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Section[] {
    let isAfterBlank = false;
    for (let offset = 0; offset < this.#text.length && this.#hasRoom(offset); ) {
      const newline = this.#text.indexOf("\n", offset);
      const next = newline < 0 ? this.#text.length : newline + 1;
      // Only the head of a line decides, so that a line of any length costs the same.
      const head = this.#text.slice(offset, Math.min(next, offset + 200));
      const isBlank = head.trim() === "";
      if (isAfterBlank && this.#canBegin(head)) this.#end(offset);
      this.#read(head);
      isAfterBlank = isBlank && this.#fence === null;
      offset = next;
    }
    this.#end(this.#text.length);
    return this.sections;
  }

  #hasRoom(offset: number): boolean {
    return offset < MAX_MARKDOWN_CHARS && this.sections.length < MAX_SECTIONS;
  }

  #canBegin(head: string): boolean {
    return this.#fence === null && /^\S/.test(head) && !(this.#hasList && LIST_MARKER.test(head));
  }

  #read(head: string): void {
    if (LIST_MARKER.test(head.trimStart())) this.#hasList = true;
    const fence = FENCE.exec(head)?.[1];
    if (fence === undefined) return;
    if (this.#fence === null) {
      const isInlineCode = fence.startsWith("`") && head.slice(head.indexOf(fence) + fence.length).includes("`");
      if (!isInlineCode) this.#fence = fence;
    } else if (fence[0] === this.#fence[0] && fence.length >= this.#fence.length && head.trim() === fence) {
      this.#fence = null;
    }
  }

  #end(offset: number): void {
    const source = this.#text.slice(this.#start, offset);
    const isCode = FENCE.test(source.slice(0, 200));
    const isTooLarge = !isCode && (this.#isTooLargeTable(source) || LONG_GAP.test(source));
    const limit = isCode ? MAX_CODE_CHARS : MAX_SECTION_CHARS;
    if (source.length > limit || isTooLarge) {
      for (const piece of splitPlain(source)) this.sections.push({ source: piece, isPlain: true });
    } else if (source !== "") {
      this.sections.push({ source, isPlain: false });
    }
    this.#start = offset;
    this.#hasList = false;
  }

  #isTooLargeTable(source: string): boolean {
    if (!source.includes("|")) return false;
    const lines = source.split("\n");
    this.#cells += source.split("|").length;
    return this.#cells > MAX_CELLS || lines.some((line) => line.split("|", MAX_COLUMNS + 2).length > MAX_COLUMNS + 1);
  }
}

export function splitSections(markdown: string): Section[] {
  return new Splitter(markdown).run();
}
