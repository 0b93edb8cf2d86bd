// A person downloads a model from a hub on loopback: sees it come, finds it selected, cancels one, mistypes another.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { BIN, LONG, ROOT, panelTest } from "./support.mjs";

const TINY = "org/tiny-GGUF:Q4_0";
const PARTS = "org/parts-GGUF:Q8_0";

const hub = spawn(path.join(BIN, "python"), ["-m", "tests.fake_hub_server"], {
  cwd: ROOT,
  stdio: ["pipe", "pipe", "inherit"],
});
const [line] = await once(createInterface(hub.stdout), "line");
after(() => hub.stdin.end());

panelTest(
  "download",
  async (t, { panel }) => {
    const { page } = panel;
    const button = page.getByTestId("download-model");
    const form = page.getByTestId("download-form");
    const field = page.getByTestId("download-name");
    const pace = page.getByTestId("download-pace");
    const picker = page.getByTestId("model-picker");

    const screenshots = (name) => panel.screenshots(name);
    /** The models of the hub in the picker, once the one of that name is selected. */
    async function selected(name) {
      await page.waitForFunction((name) => document.querySelector("[data-testid=model-picker]").value === name, name);
      const all = await picker.locator("option").evaluateAll((options) => options.map((option) => option.value));
      return all.filter((it) => it.startsWith("org/"));
    }

    await t.test("the form opens and closes by the keyboard alone", async () => {
      await panel.ready();
      await button.focus();
      await page.keyboard.press("Enter");
      await form.waitFor();
      assert.ok(await field.evaluate((element) => element === document.activeElement));
      await screenshots("download-form");
      await page.keyboard.press("Escape");
      await form.waitFor({ state: "detached" });
      assert.ok(await button.evaluate((element) => element === document.activeElement));
    });

    await t.test("a model comes while an answer is written, and is selected", async () => {
      await panel.ask(LONG);
      await panel.streaming();
      await button.click();
      await field.fill("org/tiny-GGUF");
      await page.getByTestId("download-start").click();
      await pace.filter({ hasText: /[kM]B\/s · \d+ seconds? left/ }).waitFor();
      assert.match(await page.getByTestId("download-amount").innerText(), /^[\d.]+ [kM]B of 3\.0 MB$/);
      await screenshots("download-running");
      await page.keyboard.press("Escape");
      await form.waitFor({ state: "detached" });
      assert.equal(await button.getAttribute("data-phase"), "running", "it goes on with the form closed");
      await panel.stop.click();
      await panel.answer("stopped");
      await screenshots("download-closed");
      assert.deepEqual(await selected(TINY), [TINY]);
      await screenshots("download-done");
    });

    await t.test("one of several files shows the file at hand, and closes its form when it is there", async () => {
      await button.click();
      await field.fill("org/parts-GGUF:Q8_0");
      await page.keyboard.press("Enter");
      const file = page.getByTestId("download-file");
      await file.filter({ hasText: "parts-Q8_0-00002-of-00002.gguf" }).waitFor();
      assert.match(await file.innerText(), /\d+%/);
      await screenshots("download-parts");
      await form.waitFor({ state: "detached" });
      assert.ok(await page.getByTestId("composer").evaluate((element) => element === document.activeElement));
      assert.deepEqual(await selected(PARTS), [PARTS, TINY]);
    });

    await t.test("one that is cancelled leaves no model", async () => {
      await button.click();
      await field.fill("org/slow-GGUF");
      await page.getByTestId("download-start").click();
      await pace.filter({ hasText: /B\/s/ }).waitFor();
      await page.getByTestId("download-cancel").click();
      await form.getByText(/Cancelled/).waitFor();
      await screenshots("download-cancelled");
      await field.fill("org/tiny-GGUF"); // it is here already: the list is read again
      await page.keyboard.press("Enter");
      assert.deepEqual(await selected(TINY), [PARTS, TINY]);
    });

    await t.test("closing the panel ends the request, and the next one continues where it was", async () => {
      /** The first fraction above `least` that the bar shows. */
      const fraction = async (least) => {
        const handle = await page.waitForFunction((least) => {
          const value = document.querySelector("[data-testid=download-progress] progress")?.value ?? 0;
          return value > least && value;
        }, least);
        return handle.jsonValue();
      };
      await button.click();
      await field.fill("org/slow-GGUF");
      await page.keyboard.press("Enter");
      const before = await fraction(0.25);
      await page.reload();
      await panel.ready();
      assert.equal(await button.getAttribute("data-phase"), null);
      await button.click();
      await field.fill("org/slow-GGUF");
      await page.keyboard.press("Enter");
      const first = await fraction(0);
      assert.ok(first >= before, `${first} after ${before}`);
      await page.getByTestId("download-cancel").click();
      await page.keyboard.press("Escape");
    });

    await t.test("a wrong name is an error that can be read, and mended", async () => {
      await button.click();
      await field.fill("org/mistyped");
      await page.keyboard.press("Enter");
      const error = form.getByTestId("error-box");
      await error.waitFor();
      assert.equal(await error.getAttribute("data-code"), "model_not_found");
      assert.match(await error.innerText(), /org\/mistyped/);
      await screenshots("download-failed");
      await field.fill("org/parts-GGUF");
      await page.keyboard.press("Enter");
      assert.deepEqual(await selected(PARTS), [PARTS, TINY]);
      await form.waitFor({ state: "detached" });
    });
  },
  { TABAGENT_HUB_ENDPOINT: JSON.parse(line).url },
);
