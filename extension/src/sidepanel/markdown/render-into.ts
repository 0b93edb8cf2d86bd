/**
 * Shows Markdown in an element. Every section is parsed and sanitised whole, since a piece alone could be harmless
 * where the whole is not; only blocks that changed are replaced, so a selection further up survives. Text that cannot
 * be rendered, or not yet, is shown as it is: `renderInto` never throws.
 */
import { addCopyButtons } from "./code-blocks";
import { setDirections } from "./directions";
import { cancelLater, continueLater, hasTime } from "./frame-budget";
import { showMath } from "./math";
import { findDefinitions, parseMarkdown, type Definitions } from "./parse-markdown";
import { sanitize } from "./sanitize";
import { PLAIN_CHARS, splitPlain, splitSections, type Section } from "./sections";

interface ShownSection {
  /** Source and link definitions: an equal key is an equal rendering. */
  key: string;
  nodes: ChildNode[];
  /** False for text that still waits for its rendering. */
  isFinal: boolean;
}

const shownSections = new WeakMap<Element, ShownSection[]>();

function plainNodes(text: string): ChildNode[] {
  return splitPlain(text).map((piece) => {
    const paragraph = document.createElement("p");
    paragraph.className = piece.length < PLAIN_CHARS / 2 ? "plain" : "plain long";
    paragraph.dir = "auto";
    paragraph.textContent = piece;
    return paragraph;
  });
}

function renderSection({ source, isPlain }: Section, definitions: Definitions): ChildNode[] {
  if (isPlain) return plainNodes(source);
  try {
    const fragment = sanitize(parseMarkdown(source, definitions));
    showMath(fragment);
    setDirections(fragment);
    addCopyButtons(fragment);
    return [...fragment.childNodes];
  } catch (error) {
    console.warn("A part of an answer is shown as plain text.", error);
    return plainNodes(source);
  }
}

/** Replace `shown` by `fresh` before `anchor`; return the nodes that are in the element then. */
function replaceNodes(container: Element, shown: readonly ChildNode[], fresh: readonly ChildNode[], anchor: Node | null): ChildNode[] {
  const kept = fresh.map((node, index) => {
    const old = shown[index];
    if (old?.isEqualNode(node)) return old;
    if (old) old.replaceWith(node);
    else container.insertBefore(node, anchor);
    return node;
  });
  for (const old of shown.slice(fresh.length)) old.remove();
  return kept;
}

function firstNode(sections: readonly ShownSection[], from: number): ChildNode | null {
  for (let index = from; index < sections.length; index += 1) {
    const node = sections[index]?.nodes[0];
    if (node) return node;
  }
  return null;
}

export function renderInto(container: Element, markdown: string): void {
  const sections = splitSections(markdown);
  const definitions = findDefinitions(markdown);
  const suffix = Object.keys(definitions).length > 0 ? JSON.stringify(definitions) : "";
  const before = shownSections.get(container) ?? [];
  const after = sections.map((section, index): ShownSection => {
    const key = `${section.isPlain ? "plain" : "markdown"}\n${suffix}\n${section.source}`;
    const old = before[index];
    if (old?.key === key && old.isFinal) return old;
    const isShort = index === 0 && section.source.length <= 1000;
    const isFinal = section.isPlain || hasTime(isShort);
    const fresh = isFinal ? renderSection(section, definitions) : plainNodes(section.source);
    const anchor = firstNode(before, index + 1);
    return { key, isFinal, nodes: replaceNodes(container, old?.nodes ?? [], fresh, anchor) };
  });
  for (const { nodes } of before.slice(sections.length)) {
    for (const node of nodes) node.remove();
  }
  shownSections.set(container, after);
  if (after.every(({ isFinal }) => isFinal)) cancelLater(container);
  else continueLater(container, () => { renderInto(container, markdown); });
}
