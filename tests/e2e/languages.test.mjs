// Answers in languages without spaces or from right to left, and mathematics, as Chromium lays them out.

import assert from "node:assert/strict";
import { panelTest, sleep } from "./support.mjs";

const ANSWER = `**注意。**这是**“重点”**，请看。

# שלום

مرحبا **بكم** في \`TabAgent\`:

- واحد
- اثنان

> اقتباس

An English paragraph with \\(e^{i\\pi}+1=0\\) and $x_1$, which costs $5 or $6.

\\[
\\int_0^1 \\frac{x^2}{\\sqrt{1+x}}\\,dx = \\sum_{n=1}^{\\infty} \\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}
\\]

$$\\mathbf{A}\\vec{v} \\le \\lambda$$

$$\\href{https://evil.test}{\\text{<img src=x>}}$$

| س | y |
|---|---|
| $\\alpha$ | 2 |
`;

panelTest("h20_languages", async (t, { panel }) => {
  const { page } = panel;
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const reports = [];
  page.on("console", (message) => message.type() === "error" && reports.push(message.text()));
  await panel.ready();
  await sleep(400);
  await page.evaluate(async (text) => {
    const { id } = await chrome.windows.getCurrent();
    const turns = [
      { role: "user", id: "q", text: "ما هذا؟" },
      { role: "assistant", id: "a", text, reasoning: "", state: "complete", model: "m", summary: null, failure: null },
    ];
    await chrome.storage.session.set({ [`conversation:${id}`]: turns });
  }, ANSWER);
  await page.setViewportSize({ width: 400, height: 1000 });
  await page.reload();
  await page.locator("math").nth(3).waitFor();
  await panel.screenshots("languages");

  await t.test("test_h20_ emphasis without spaces", async () => {
    assert.deepEqual(await page.locator("strong").allInnerTexts(), ["注意。", "“重点”", "بكم"]);
  });

  await t.test("test_h20_ each block runs in the direction of its text", async () => {
    const direction = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).direction);
    for (const selector of [".question > div", ".answer h1", ".answer ul", ".answer blockquote", ".answer table"]) {
      assert.equal(await direction(selector), "rtl", selector);
    }
    assert.equal(await direction(".answer p:has(math)"), "ltr");
    await page.getByTestId("composer").fill("مرحبا");
    assert.equal(await direction("[data-testid=composer]"), "rtl");
  });

  await t.test("test_h20_ mathematics is laid out, and what is no mathematics stays", async () => {
    const boxes = await page.locator("math").evaluateAll((all) => all.map((math) => math.getBoundingClientRect().toJSON()));
    assert.equal(boxes.length, 5);
    assert.ok(boxes.every(({ width, height }) => width > 5 && height > 5));
    assert.ok(boxes[2].height > 30, "a fraction is higher than a line");
    assert.match(await page.getByTestId("message-text").innerText(), /costs \$5 or \$6/);
    assert.match(await page.locator("p > code").last().innerText(), /href/);
    assert.equal(await page.locator(".answer a, .answer img").count(), 0);
    assert.deepEqual(requests.filter((url) => !url.startsWith("chrome-extension:")), []);
    assert.deepEqual(reports, []);
    const isWide = await page.locator(".scroller").evaluate((element) => element.scrollWidth > element.clientWidth);
    assert.ok(!isWide);
  });
});
