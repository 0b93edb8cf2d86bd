/**
 * The one door through which a model's text becomes elements. What comes out loads nothing, runs nothing and leads
 * nowhere without a click: the tags and attributes below, and links to web and mail addresses. A page that a model has
 * read can make it write anything, so this holds for every answer.
 */
import DOMPurify, { type Config } from "dompurify";

const CONFIG: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li",
    "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
  ],
  ALLOWED_ATTR: ["align", "class", "href", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  // Not addresses: without this the pattern above would be asked about their values too.
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOW_UNKNOWN_PROTOCOLS: false,
  RETURN_DOM_FRAGMENT: true,
};

const LANGUAGE_CLASS = /^language-[\w+#.-]+$/;

function finishElement(element: Element): void {
  const className = element.getAttribute("class");
  if (className !== null && !(element.localName === "code" && LANGUAGE_CLASS.test(className))) {
    element.removeAttribute("class");
  }
  const href = element.getAttribute("href");
  if (href !== null && element.localName === "a") {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer");
    element.setAttribute("title", href);
  }
}

export function sanitize(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(html, CONFIG);
  for (const element of fragment.querySelectorAll("[class], [href]")) finishElement(element);
  return fragment;
}
