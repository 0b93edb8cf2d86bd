// @vitest-environment jsdom
/** Answers made to break a renderer: each is shown in bounded time, and nothing throws. */
import { render, type JSX } from "preact";
import { act } from "preact/test-utils";
import { expect, it, vi } from "vitest";
import { ErrorBoundary } from "../../src/sidepanel/components/error-boundary";
import { parseMarkdown } from "../../src/sidepanel/markdown/parse-markdown";
import { renderInto } from "../../src/sidepanel/markdown/render-into";
import { splitSections } from "../../src/sidepanel/markdown/sections";
import { readConversation } from "../../src/sidepanel/state/conversation-storage";

const HOSTILE: [name: string, markdown: string][] = [
  ["quotes", ">".repeat(4000)],
  ["quotes with spaces", "> ".repeat(4000)],
  ["quotes with text", `${"> ".repeat(4000)}deep`],
  ["bullets", "- ".repeat(4000)],
  ["numbers", "1. ".repeat(4000)],
  ["quotes and bullets", "> - ".repeat(3000)],
  ["lists by indentation", Array.from({ length: 150 }, (_, depth) => `${" ".repeat(2 * depth)}- x`).join("\n")],
  ["lines of quotes", `${"> ".repeat(200)}x\n`.repeat(40)],
  ["stars", "*".repeat(10_000)],
  ["opened stars", "*a ".repeat(5000)],
  ["closed stars", "a* ".repeat(5000)],
  ["double stars", "**a".repeat(5000)],
  ["stars and underscores", "*_".repeat(5000)],
  ["underscores", "_a ".repeat(5000)],
  ["tildes", "~~a ".repeat(4000)],
  ["nested emphasis", `${"*a **b ".repeat(500)}${"c** d* ".repeat(500)}`],
  ["brackets", "[".repeat(10_000)],
  ["bracket pairs", "[]".repeat(5000)],
  ["nested links", `${"[".repeat(2000)}x${"](y)".repeat(2000)}`],
  ["images", "![".repeat(5000)],
  ["link beginnings", "[a](".repeat(4000)],
  ["link labels", "[a][".repeat(4000)],
  ["backticks", "`".repeat(10_000)],
  ["backtick runs", Array.from({ length: 150 }, (_, n) => "`".repeat(n + 1)).join(" ")],
  ["backticks and text", "`a``b```c".repeat(1500)],
  ["comments", "<!--".repeat(4000)],
  ["tags", "<a ".repeat(5000)],
  ["declarations", "<!A ".repeat(4000)],
  ["processing", "<?".repeat(5000)],
  ["cdata", "<![CDATA[".repeat(1500)],
  ["entities", "&amp;&#x41;&".repeat(1500)],
  ["footnotes", "[^1]".repeat(4000)],
  ["definitions", Array.from({ length: 800 }, (_, n) => `[a${n}]: x`).join("\n")],
  ["open definitions", "[a]: <".repeat(2500)],
  ["columns", `${"|a".repeat(1000)}|\n${"|-".repeat(1000)}|\n${"|b".repeat(1000)}|`],
  ["pipes", `|\n${"|-".repeat(5000)}`],
  ["escapes", "\\".repeat(10_001)],
  ["spaces", `a${" ".repeat(15_000)}b`],
  ["line breaks", "a  \n".repeat(4000)],
  ["tabs", "\t".repeat(10_000)],
  ["addresses", "www.a.".repeat(2500)],
  ["mail addresses", "a@b.".repeat(4000)],
  ["dots", "a.".repeat(7500)],
  ["headings", "#".repeat(10_000)],
  ["underlines", "a\n=\n".repeat(3000)],
  ["rules", "- - ".repeat(4000)],
  ["opened formulas", "\\(".repeat(5000)],
  ["opened displays", "\\[\n".repeat(3000)],
  ["opened displays in paragraphs", "\n\\[a".repeat(3000)],
  ["dollars", "$".repeat(10_000)],
  ["dollars and text", "$a".repeat(4000)],
  ["double dollars", "$$\n".repeat(4000)],
  ["formulas", "$x$ ".repeat(3900)],
  ["CJK stars", "**中".repeat(4000)],
  ["CJK punctuation and stars", "*。".repeat(5000)],
  ["closed CJK stars", "中**。".repeat(3000)],
  ["a line of 1 MB", "a word ".repeat(150_000)],
  ["a word of 500 kB", "x".repeat(500_000)],
  ["500 kB of stars", "*a ".repeat(170_000)],
  ["60,000 paragraphs", "a\n\n".repeat(60_000)],
  ["a code block of 500 kB", `\`\`\`\n${"code\n".repeat(100_000)}`],
];

it.each(HOSTILE)("s8: %s are parsed in bounded time and rendered", (_name, markdown) => {
  const timings = splitSections(markdown)
    .filter(({ isPlain }) => !isPlain)
    .slice(0, 10)
    .map(({ source }) => {
      const start = performance.now();
      parseMarkdown(source);
      return performance.now() - start;
    });
  const box = document.createElement("div");
  renderInto(box, markdown);
  expect(Math.max(0, ...timings)).toBeLessThan(500);
  expect(box.textContent.length).toBeGreaterThan(0);
});

it("test_s8_ stored conversations of any form open", () => {
  const question = { role: "user", id: "1", text: "x" };
  const odd = readConversation([question, question, { ...question, id: 5 }, null, [], "x"]);
  expect(odd).toMatchObject([question, { role: "assistant", state: "interrupted", text: "" }]);
  const pairs = Array.from({ length: 50 }, (_, n) => [
    { ...question, id: `q${n}`, text: "x".repeat(50_000) },
    { role: "assistant", id: `a${n}`, text: "x".repeat(50_000), reasoning: "", state: "complete", model: "m", summary: null, failure: null },
  ]);
  expect(readConversation(pairs.flat()).map(({ id }) => id)).toEqual(pairs.slice(30).flat().map(({ id }) => id));
});

it("test_s8_ one message of any size keeps no conversation from being stored", () => {
  let details: Record<string, unknown> = {};
  for (let depth = 0; depth < 5000; depth += 1) details = { details };
  const huge = "x".repeat(3_000_000);
  const answer = { role: "assistant", id: "a", text: huge, reasoning: huge, state: "failed", model: huge, summary: null };
  const stored = readConversation([{ role: "user", id: "q", text: huge }, { ...answer, failure: { code: huge, message: huge, details } }]);
  expect(stored).toHaveLength(2);
  expect(JSON.stringify(stored).length).toBeLessThan(2_000_000);
});

it("s8: a part that throws leaves the rest, and is tried again with another value", () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const root = document.createElement("div");
  function Part({ text }: { text: string }): JSX.Element {
    if (text === "bad") throw new Error("bad");
    return <b>{text}</b>;
  }
  function show(text: string): void {
    void act(() => {
      render(<div>rest <ErrorBoundary value={text} fallback={() => "plain"}><Part text={text} /></ErrorBoundary></div>, root);
    });
  }
  show("bad");
  expect(root.textContent).toBe("rest plain");
  show("good");
  expect(root.textContent).toBe("rest good");
});
