// A model thinks before it answers: folded away while it does and afterwards, to be opened by whoever wants to read it.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after } from "node:test";
import { LONG, QUESTION, panelTest } from "./support.mjs";
import { makeThinkingModel } from "./thinking-model.mjs";

const folder = makeThinkingModel();
after(() => rmSync(folder, { recursive: true }));

panelTest(
  "thoughts",
  async (t, { panel }) => {
    const { page } = panel;
    const thoughts = page.getByTestId("thoughts").last();
    const summary = thoughts.locator("summary");
    const text = page.getByTestId("thoughts-text").last();
    const said = page.locator("[data-testid=message][data-role=assistant] [data-testid=message-text]");

    await t.test("they come first and stay folded; the answer stands below them", async () => {
      await panel.ask(QUESTION);
      await panel.answer();
      assert.match(await said.last().innerText(), /Paris/);
      assert.equal(await summary.innerText(), "Thoughts");
      assert.ok(!(await text.isVisible()));
      await panel.screenshots("thoughts-folded");
    });

    await t.test("they open by the keyboard", async () => {
      await summary.focus();
      await page.keyboard.press("Enter");
      assert.match(await text.innerText(), /France/);
      assert.doesNotMatch(await text.innerText(), /think>/);
      await panel.screenshots("thoughts-open");
    });

    await t.test("they are kept when the panel closes", async () => {
      const before = await text.textContent();
      await page.reload();
      await panel.ready();
      assert.equal(await text.textContent(), before);
      assert.ok(!(await text.isVisible()));
    });

    await t.test("one line tells that it thinks and what, until Stop", async () => {
      await page.getByTestId("new-conversation").click();
      await page.setViewportSize({ width: 320, height: 560 });
      // It thinks for longer than any machine takes for what follows.
      await page.evaluate(() => chrome.storage.local.set({ chatStyle: { options: { temperature: 0, max_tokens: 4000 } } }));
      await page.reload();
      await panel.ask(LONG);
      const hasThought = () => document.querySelector("[data-testid=thoughts-text]")?.textContent.length > 80;
      await page.waitForFunction(hasThought, undefined, { timeout: 60_000 });
      assert.equal(await thoughts.getAttribute("data-thinking"), "true");
      assert.match(await summary.innerText(), /^Thinking…/);
      assert.equal(await panel.status.innerText(), "Thinking…");
      assert.equal(await said.innerText(), "");
      await panel.screenshots("thinking");
      const isWide = () => page.locator(".scroller").evaluate((element) => element.scrollWidth > element.clientWidth);
      assert.ok(!(await isWide()), "at 320 px nothing is cut off");
      await summary.click();
      await panel.screenshots("thinking-open");
      assert.ok(!(await isWide()), "nor when it is open");
      await panel.stop.click();
      await panel.answer("stopped");
      assert.equal(await summary.innerText(), "Thoughts");
      assert.equal(await page.getByLabel("Copy answer").count(), 0);
    });
  },
  { TABAGENT_MODEL_DIRS: folder, TABAGENT_DEFAULT_MODEL: "thinking" },
);
