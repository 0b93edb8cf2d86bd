/**
 * marked's lexer with bounds on nesting and on the work per paragraph. marked 18 recurses once per level and searches
 * the rest of a paragraph at every delimiter; text past a bound is kept as text.
 */
import { Lexer, type MarkedOptions, type Token, type TokensList } from "marked";
import { withCjkEmphasis } from "./cjk-emphasis";

const MAX_BLOCK_DEPTH = 16;
const MAX_INLINE_DEPTH = 16;
/** Delimiters times characters of one run of inline text: some 10 ms of work. */
const MAX_INLINE_COST = 2_000_000;
const DELIMITER = /[*_~`[\]<!&\\$@]|https?:|www\./g;

function isCheap(source: string): boolean {
  const limit = MAX_INLINE_COST / Math.max(1, source.length);
  if (source.length <= limit) return true;
  let count = 0;
  for (const match of source.matchAll(DELIMITER)) {
    count += match[0].length > 0 ? 1 : 0;
    if (count > limit) return false;
  }
  return true;
}

function asText(source: string): Token {
  return { type: "text", raw: source, text: source, escaped: false };
}

export class BoundedLexer extends Lexer {
  #blockDepth = 0;
  #inlineDepth = 0;

  constructor(options: MarkedOptions) {
    super(options);
    const { tokenizer } = this.options;
    if (tokenizer) tokenizer.rules = { ...tokenizer.rules, inline: withCjkEmphasis(tokenizer.rules.inline) };
  }

  override blockTokens(source: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[];
  override blockTokens(source: string, tokens?: TokensList, lastParagraphClipped?: boolean): TokensList;
  override blockTokens(source: string, tokens: Token[] = [], lastParagraphClipped = false): Token[] {
    if (this.#blockDepth >= MAX_BLOCK_DEPTH) {
      if (source !== "") tokens.push({ type: "paragraph", raw: source, text: source, tokens: [asText(source)] });
      return tokens;
    }
    this.#blockDepth += 1;
    try {
      return super.blockTokens(source, tokens, lastParagraphClipped);
    } finally {
      this.#blockDepth -= 1;
    }
  }

  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    if (this.#inlineDepth >= MAX_INLINE_DEPTH || !isCheap(source)) {
      tokens.push(asText(source));
      return tokens;
    }
    this.#inlineDepth += 1;
    try {
      return super.inlineTokens(source, tokens);
    } finally {
      this.#inlineDepth -= 1;
    }
  }
}
