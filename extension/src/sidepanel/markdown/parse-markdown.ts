/**
 * Markdown to HTML that is not yet safe: only sanitize.ts makes it so. HTML in the text is shown as text, but for a
 * few tags without attributes that models write inside tables and sentences. An image becomes a link to it.
 */
import { Marked, type Tokens } from "marked";
import { BoundedLexer } from "./bounded-lexer";
import { closeOpenFences } from "./close-open-fences";
import { escapeHtml } from "./escape-html";
import { texBlock, texInline } from "./tex-tokens";

const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd|b|i|em|strong|u|s)\s*\/?>$/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [texBlock, texInline],
  renderer: {
    html({ text, block }: Tokens.HTML | Tokens.Tag): string {
      if (PLAIN_TAG.test(text.trim())) return text;
      return block ? `<p>${escapeHtml(text.trim())}</p>` : escapeHtml(text);
    },
    image({ href, text }: Tokens.Image): string {
      return `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`;
    },
    checkbox({ checked }: Tokens.Checkbox): string {
      return checked ? "☑ " : "☐ ";
    },
  },
});

export type Definitions = Readonly<Record<string, { href: string; title: string | undefined }>>;

const DEFINITION = /^ {0,3}\[([^[\]\\\n]{1,200})\]:[ \t]*<?([^\s<>]{1,2000})>?(?:[ \t]+"([^"\n]{0,500})")?[ \t]*$/gm;
const MAX_DEFINITIONS = 500;

/** Return the link definitions of a whole answer, which its sections share. */
export function findDefinitions(markdown: string): Definitions {
  const definitions = new Map<string, { href: string; title: string | undefined }>();
  if (!markdown.includes("]:")) return {};
  for (const [, label = "", href = "", title] of markdown.matchAll(DEFINITION)) {
    const name = label.toLowerCase().replace(/\s+/g, " ");
    if (!definitions.has(name)) definitions.set(name, { href, title });
    if (definitions.size === MAX_DEFINITIONS) break;
  }
  return Object.fromEntries(definitions);
}

export function parseMarkdown(markdown: string, definitions: Definitions = {}): string {
  const lexer = new BoundedLexer(marked.defaults);
  Object.assign(lexer.tokens.links, definitions);
  return marked.parser(lexer.lex(closeOpenFences(markdown)));
}
