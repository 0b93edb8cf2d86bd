// The extension of examples/ asks the host, as its README says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { BROWSER, Installation, ROOT } from "./support.mjs";

const EXAMPLES = path.join(ROOT, "examples");
const ID = /--extension-id ([a-p]{32})/.exec(readFileSync(path.join(EXAMPLES, "README.md"), "utf8"))[1];

test("the example's panel answers, and the host refuses it unless it is allowed", { skip: !BROWSER && "no Chromium" }, async () => {
  const extension = path.join(EXAMPLES, "extension");
  const installation = new Installation();
  try {
    for (const [options, expected] of [[[], /forbidden/], [["--extension-id", ID], /Paris/]]) {
      const browser = await installation.browser({ extension, options });
      const page = await browser.newPage();
      await page.goto(`chrome-extension://${ID}/panel.html`);
      await page.getByRole("button", { name: "Ask" }).click();
      await page.waitForFunction(() => {
        const answer = document.getElementById("answer");
        return answer.dataset.last === "done" || answer.textContent.startsWith("The host has ended");
      });
      assert.match(await page.locator("#answer").innerText(), expected);
      await browser.close();
    }
  } finally {
    await installation.close();
  }
});
