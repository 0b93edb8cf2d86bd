/**
 * Shows Markdown in an element. The whole text is parsed and sanitised every time, since a piece alone could be
 * harmless where the whole is not; only blocks that changed are replaced, so a selection further up survives.
 */
import { addCopyButtons } from "./code-blocks";
import { parseMarkdown } from "./parse-markdown";
import { sanitize } from "./sanitize";

export function renderInto(container: Element, markdown: string): void {
  const fragment = sanitize(parseMarkdown(markdown));
  addCopyButtons(fragment);
  const fresh = [...fragment.childNodes];
  fresh.forEach((node, index) => {
    const shown = container.childNodes[index];
    if (!shown) container.append(node);
    else if (!shown.isEqualNode(node)) shown.replaceWith(node);
  });
  while (container.childNodes.length > fresh.length) container.lastChild?.remove();
}
