/**
 * Replaces the TeX of a sanitised answer by MathML, which the browser lays out without fonts of ours. A formula is a
 * model's text like any other: no command that makes links, images, styles or classes works, expansion and sizes are
 * bounded, and the result passes a sanitiser that knows MathML alone. What cannot be shown so stays TeX.
 */
import DOMPurify, { type Config } from "dompurify";
import temml, { type Options } from "temml";
import { DISPLAY_CLASS, INLINE_CLASS } from "./tex-tokens";

const OPTIONS: Options = { throwOnError: true, trust: false, strict: false, maxExpand: 200, maxSize: [10, 100] };
const MAX_TEX_CHARS = 2000;
const MAX_FORMULAS = 100;
/** Of the MathML of one formula, and of the formulas of one section. */
const MAX_MATHML_CHARS = 30_000;
const MAX_SECTION_CHARS = 60_000;
const MAX_NESTING = 60;
const MAX_CACHED = 300;

const CONFIG: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts", "mroot", "mrow",
    "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none", "#text",
  ],
  ALLOWED_ATTR: [
    "accent", "accentunder", "class", "columnspan", "depth", "display", "displaystyle", "fence", "form", "height", "largeop",
    "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowspan", "rspace",
    "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width",
  ],
  ALLOWED_NAMESPACES: ["http://www.w3.org/1998/Math/MathML", "http://www.w3.org/1999/xhtml"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
/** The page's policy forbids inline styles, and reports each that is parsed. */
const STYLE = / style="[^"]*"/g;
const MATH_CLASS = /^tml-(?:left|right)$/;

interface Formula {
  element: Element;
  size: number;
}

/** Newest last. Null for a formula that cannot be shown. */
const cache = new Map<string, Formula | null>();

/** Braces and environments nest by recursion. */
function isTooDeep(tex: string): boolean {
  let depth = 0;
  for (const [token] of tex.matchAll(/\\begin|\\left|\\end|\\right|\\.|[{}^_]/gs)) {
    if (token === "{" || token === "\\begin" || token === "\\left") depth += 1;
    if (token === "}" || token === "\\end" || token === "\\right") depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

function createFormula(tex: string, isDisplay: boolean): Formula | null {
  if (tex.length > MAX_TEX_CHARS || isTooDeep(tex)) return null;
  let mathml: string;
  try {
    mathml = temml.renderToString(tex, { ...OPTIONS, displayMode: isDisplay });
  } catch {
    return null;
  }
  if (mathml.length > MAX_MATHML_CHARS) return null;
  const element = DOMPurify.sanitize(mathml.replace(STYLE, ""), CONFIG).firstElementChild;
  if (element?.localName !== "math") return null;
  for (const part of element.querySelectorAll("[class]")) {
    if (!MATH_CLASS.test(part.getAttribute("class") ?? "")) part.removeAttribute("class");
  }
  element.removeAttribute("class");
  element.setAttribute("aria-label", tex);
  return { element, size: mathml.length };
}

function findFormula(tex: string, isDisplay: boolean): Formula | null {
  const key = `${isDisplay ? "display" : "inline"} ${tex}`;
  const known = cache.get(key);
  const formula = known === undefined ? createFormula(tex, isDisplay) : known;
  cache.delete(key);
  cache.set(key, formula);
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value ?? "");
  return formula;
}

export function showMath(fragment: DocumentFragment): void {
  let size = 0;
  for (const [index, code] of [...fragment.querySelectorAll(`.${INLINE_CLASS}, .${DISPLAY_CLASS}`)].entries()) {
    if (code.parentElement?.localName === "pre") continue;
    const isWithin = index < MAX_FORMULAS && size < MAX_SECTION_CHARS;
    const formula = isWithin ? findFormula(code.textContent, code.classList.contains(DISPLAY_CLASS)) : null;
    size += formula?.size ?? 0;
    if (formula) code.replaceWith(formula.element.cloneNode(true));
    else code.removeAttribute("class");
  }
}
