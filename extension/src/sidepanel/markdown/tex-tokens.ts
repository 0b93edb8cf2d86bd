/**
 * TeX in Markdown: `\(x\)`, `\[x\]`, `$$x$$` and, where it cannot be an amount of money or a variable, `$x$`. A formula
 * becomes code with one of the classes below, which math.ts replaces after the answer has been sanitised.
 */
import type { TokenizerAndRendererExtension, Tokens } from "marked";
import { escapeHtml } from "./escape-html";

export const INLINE_CLASS = "language-tex-inline";
export const DISPLAY_CLASS = "language-tex-display";

const INLINE = [
  /^\\\(((?:[^\\\n]|\\(?!\))[^\n]|\n(?!\s*\n)){1,2000}?)\\\)/,
  // No space inside; no letter or digit after it.
  /^\$(?![\s$])([^$`\n]{0,200}?[^$`\s\\])\$(?![\p{L}\p{N}$])/u,
];
const DISPLAY = /^(?:\\\[((?:(?!\\\]|\n[ \t]*\n)[^]){1,4000})\\\]|\$\$((?:(?!\$\$|\n[ \t]*\n)[^]){1,4000})\$\$)/;
const WORD_END = /[\p{L}\p{N}$\\]$/u;

interface TexToken extends Tokens.Generic {
  tex: string;
  isDisplay: boolean;
}

function texToken(type: string, raw: string, tex: string, isDisplay: boolean): TexToken | undefined {
  return tex.trim() === "" ? undefined : { type, raw, tex: tex.trim(), isDisplay };
}

function readDisplay(type: string, source: string): TexToken | undefined {
  const match = DISPLAY.exec(source);
  return match ? texToken(type, match[0], match[1] ?? match[2] ?? "", true) : undefined;
}

function readInline(source: string, before: string): TexToken | undefined {
  for (const pattern of INLINE) {
    const match = pattern.exec(source);
    if (!match || (source.startsWith("$") && WORD_END.test(before))) continue;
    return texToken("tex", match[0], match[1] ?? "", false);
  }
  return undefined;
}

function renderTex(token: Tokens.Generic): string {
  const { tex, isDisplay } = token as TexToken;
  return `<code class="${isDisplay ? DISPLAY_CLASS : INLINE_CLASS}">${escapeHtml(tex)}</code>`;
}

export const texInline: TokenizerAndRendererExtension = {
  name: "tex",
  level: "inline",
  start: (source) => {
    const index = source.search(/\$|\\[([]/);
    return index < 0 ? undefined : index;
  },
  tokenizer(source, tokens) {
    return readDisplay("tex", source) ?? readInline(source, tokens.at(-1)?.raw ?? "");
  },
  renderer: renderTex,
};

/** A formula on lines of its own: its lines may look like lists or headings. */
export const texBlock: TokenizerAndRendererExtension = {
  name: "texBlock",
  level: "block",
  start: (source) => {
    const index = source.search(/\n {0,3}(?:\\\[|\$\$(?!\s*\$))/);
    return index < 0 ? undefined : index + 1;
  },
  tokenizer(source) {
    const indent = /^ {0,3}/.exec(source)?.[0] ?? "";
    const token = readDisplay("texBlock", source.slice(indent.length));
    const rest = token && /^[ \t]*(?:\n|$)/.exec(source.slice(indent.length + token.raw.length));
    return token && rest ? { ...token, raw: indent + token.raw + rest[0] } : undefined;
  },
  renderer: (token) => `<p>${renderTex(token)}</p>\n`,
};
