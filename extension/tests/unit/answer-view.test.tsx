// @vitest-environment jsdom
/** An answer of a model that thinks, as a person meets it. */
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, it, vi } from "vitest";
import { Announcer } from "../../src/sidepanel/components/announcer";
import { AnswerView } from "../../src/sidepanel/components/answer-view";
import type { Answer } from "../../src/sidepanel/state/conversation";

const ANSWER: Answer = {
  role: "assistant", id: "1", text: "", reasoning: "", state: "waiting", model: "small", summary: null, failure: null,
};
const DANGEROUS = `<img src=x onerror="alert(1)"> [click](https://evil.test) <b>bold</b>`;

function show(change: Partial<Answer>): void {
  const answer = { ...ANSWER, ...change };
  void act(() => {
    render(
      <>
        <AnswerView answer={answer} canRetry={true} onRetry={() => undefined} onEdit={() => undefined} onDrop={() => undefined} />
        <Announcer conversation={[answer]} />
      </>,
      document.body,
    );
  });
}

function thoughts(): HTMLDetailsElement {
  const element = document.querySelector<HTMLDetailsElement>("details[data-testid=thoughts]");
  if (!element) throw new Error("No thoughts are shown.");
  return element;
}

function hasThoughts(): boolean {
  return document.querySelector("[data-testid=thoughts]") !== null;
}

function isWaiting(): boolean {
  return document.querySelector(".waiting") !== null;
}

afterEach(() => {
  render(null, document.body);
});

it("waits until there is something to show", () => {
  show({});
  expect(isWaiting()).toBe(true);
  show({ state: "streaming", reasoning: "\n" });
  expect([isWaiting(), hasThoughts()]).toEqual([true, false]);
  show({ state: "streaming", reasoning: "\nHm" });
  expect([isWaiting(), hasThoughts()]).toEqual([false, true]);
});

it("shows that it is thought about, folded, with the newest line for the eye alone", () => {
  show({ state: "streaming", reasoning: "First.\nSecond li" });
  const summary = thoughts().querySelector("summary");
  const newest = summary?.querySelector("[aria-hidden=true].thoughts-newest");
  expect(thoughts().open).toBe(false);
  expect(newest?.textContent).toBe("Second li");
  newest?.remove();
  expect(summary?.textContent).toBe("Thinking…");
  expect(document.querySelector("[data-testid=announcer]")?.textContent).toBe("TabAgent is thinking");
});

it("stays as the person left it when the answer comes, and stands above it", () => {
  show({ state: "streaming", reasoning: "Hm." });
  thoughts().open = true;
  show({ state: "streaming", reasoning: "Hm.", text: "Paris" });
  expect(thoughts().open).toBe(true);
  expect(thoughts().querySelector("summary")?.textContent).toBe("Thoughts");
  expect(thoughts().nextElementSibling?.textContent.trim()).toBe("Paris");
  expect(document.querySelector("[data-testid=announcer]")?.textContent).toBe("TabAgent is answering");
});

it("shows thoughts as plain text, whatever they look like", () => {
  show({ state: "complete", reasoning: `${DANGEROUS}\n\n# 1`, text: "Paris." });
  const text = thoughts().querySelector("[data-testid=thoughts-text]");
  expect(text?.textContent).toBe(`${DANGEROUS}\n\n# 1`);
  expect(text?.childElementCount).toBe(0);
});

it("copies the answer, not the thoughts; thoughts alone are not copied at all", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  Object.defineProperty(navigator, "clipboard", { value: { writeText } });
  show({ state: "complete", reasoning: "Hm.", text: "Paris." });
  await act(async () => {
    document.querySelector<HTMLElement>("[aria-label='Copy answer']")?.click();
    await Promise.resolve();
  });
  expect(writeText.mock.calls).toEqual([["Paris."]]);
  show({ state: "stopped", reasoning: "Hm." });
  expect(document.querySelector(".answer-actions .icon-button")).toBeNull();
  expect(thoughts().querySelector("summary")?.textContent).toBe("Thoughts");
});

it("has no thoughts where there are none", () => {
  show({ state: "complete", reasoning: " \n", text: "Paris." });
  expect(hasThoughts()).toBe(false);
});
