// Questions that were refused: they are no part of later requests, and can be edited or removed.

import assert from "node:assert/strict";
import { QUESTION, eventually, panelTest, sleep } from "./support.mjs";

/** Wait until so many messages are shown. */
function shown(page, count) {
  return page.waitForFunction((count) => document.querySelectorAll("[data-testid=message]").length === count, count, { timeout: 10_000 });
}

panelTest("h4_refused", async (t, { panel }) => {
  const { page } = panel;

  await t.test("h4_ a question that does not fit is no part of the next one", async () => {
    await panel.ask("word ".repeat(30_000));
    await panel.answer("failed");
    assert.equal(await panel.errorBox.last().getAttribute("data-code"), "context_overflow");
    await page.getByTestId("edit-question").scrollIntoViewIfNeeded();
    await panel.screenshot("refused");
    await panel.ask(QUESTION);
    assert.match(await panel.answer(), /Paris/);
    assert.ok((await panel.usage()).prompt < 200);
  });

  await t.test("h4_ it can be edited, also after the panel was closed", async () => {
    await page.reload();
    await panel.ready();
    await page.getByTestId("edit-question").click();
    await page.waitForFunction(() => document.querySelector("[data-testid=composer]").value.length === 150_000);
    await shown(page, 2);
    await page.getByTestId("composer").fill("");
    await panel.ask("word ".repeat(30_000));
    await panel.answer("failed");
    await page.getByTestId("drop-question").click();
    await shown(page, 2);
    await panel.ask(QUESTION);
    await panel.answer();
  });

  await t.test("test_h4_ every unanswered question can be edited or dropped with the keyboard alone", async () => {
    const refused = ["failed", "interrupted", "stopped"].flatMap((state, n) => [
      { role: "user", id: `q${n}`, text: `question ${n}` },
      {
        role: "assistant", id: `a${n}`, text: "", reasoning: "", state, model: "m", summary: null,
        failure: state === "stopped" ? null : { code: "context_overflow", message: "Too long.", details: {}, retryable: false },
      },
    ]);
    await sleep(500); // until the panel has written its own
    await page.evaluate(async (turns) => {
      const { id } = await chrome.windows.getCurrent();
      await chrome.storage.session.set({ [`conversation:${id}`]: turns });
    }, [...refused, { role: "user", id: "q3", text: "without an answer" }]);
    await page.reload();
    await panel.ready();
    await shown(page, 8);
    assert.equal(await page.getByTestId("edit-question").count(), 4);
    assert.equal(await page.getByTestId("drop-question").count(), 4);
    await panel.screenshots("unanswered");
    const focused = () => page.evaluate(() => document.activeElement?.dataset.testid);
    const hasFocus = (testId) => eventually(async () => (await focused()) === testId, `${testId} has the focus`);
    const tabTo = async (testId) => {
      for (let step = 0; step < 40 && (await focused()) !== testId; step += 1) await page.keyboard.press("Shift+Tab");
      assert.equal(await focused(), testId);
    };
    for (const left of [6, 4, 2]) {
      await hasFocus("composer");
      await tabTo("drop-question");
      await page.keyboard.press("Enter");
      await shown(page, left);
    }
    await tabTo("edit-question");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelector("[data-testid=composer]").value === "question 0");
    await hasFocus("composer");
    await shown(page, 0);
  });
});
