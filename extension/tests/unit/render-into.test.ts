// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";
import { closeOpenFences } from "../../src/sidepanel/markdown/close-open-fences";
import { renderInto } from "../../src/sidepanel/markdown/render-into";

describe("closeOpenFences", () => {
  it.each([
    ["no code", "no code"],
    ["```js\nlet a", "```js\nlet a\n```"],
    ["```js\nlet a\n```", "```js\nlet a\n```"],
    ["```js\nlet a\n``", "```js\nlet a\n```"],
    ["~~~\na\n```", "~~~\na\n```\n~~~"],
    ["````\n```\na", "````\n```\na\n````"],
    ["```not a fence``` x", "```not a fence``` x"],
    ["a\n```\nb\n```\nc\n```py", "a\n```\nb\n```\nc\n```py\n```"],
  ])("%j becomes %j", (markdown, closed) => {
    expect(closeOpenFences(markdown)).toBe(closed);
  });
});

describe("renderInto", () => {
  let box: HTMLElement;

  beforeEach(async () => {
    // In a task of its own, so that it has time to render.
    await new Promise((resolve) => setTimeout(resolve, 1));
    box = document.createElement("div");
  });

  it("leaves blocks alone that did not change, so a selection in them stays", () => {
    renderInto(box, "first\n\nsecond begi");
    const first = box.firstChild;
    renderInto(box, "first\n\nsecond begins");
    expect(box.firstChild).toBe(first);
    expect(box.lastElementChild?.textContent).toBe("second begins");
  });

  it("removes blocks that are no longer there", () => {
    renderInto(box, "one\n\ntwo\n\nthree");
    renderInto(box, "one");
    expect(box.textContent.trim()).toBe("one");
  });

  it("gives a code block its language and a copy button, also while it is half written", () => {
    renderInto(box, "```python\nprint(1)");
    expect(box.querySelector(".code-bar span")?.textContent).toBe("python");
    expect(box.querySelector("button")?.textContent).toBe("Copy");
    expect(box.querySelector("pre code")?.textContent).toBe("print(1)\n");
  });
});
