/** Markdown of a model, sanitised. Preact leaves the element's content alone: render-into.ts owns it. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { renderInto } from "../markdown/render-into";

export function MarkdownView({ markdown }: { markdown: string }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (ref.current) renderInto(ref.current, markdown);
  }, [markdown]);
  return <div class="markdown" data-testid="message-text" ref={ref} />;
}
