/**
 * Markdown to HTML that is not yet safe: only sanitize.ts makes it so. HTML in the text is shown as text, but for a
 * few tags without attributes that models write inside tables and sentences. An image becomes a link to it.
 */
import { Marked, type Tokens } from "marked";
import { closeOpenFences } from "./close-open-fences";

const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd|b|i|em|strong|u|s)\s*\/?>$/i;

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

const marked = new Marked({
  gfm: true,
  breaks: true,
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

export function parseMarkdown(markdown: string): string {
  return marked.parse(closeOpenFences(markdown), { async: false });
}
