// What a person sees when something dies: an error that says what happened, and the next question works.

import assert from "node:assert/strict";
import { LONG, QUESTION, eventually, openPanel, panelTest } from "./support.mjs";

panelTest("faults", async (t, { installation, browser, panel }) => {
  await t.test("a worker killed in mid-answer", async () => {
    await panel.ask(LONG);
    await panel.streaming();
    process.kill(installation.processes("backends.worker")[0], "SIGKILL");
    await panel.answer("failed");
    assert.match(await panel.errorBox.last().innerText(), /SIGKILL/);
    await panel.screenshot("worker-killed");
    await panel.ask(QUESTION);
    assert.notEqual(await panel.answer(), "");
  });

  await t.test("the broker killed in mid-answer", async () => {
    await panel.page.getByTestId("new-conversation").click();
    await panel.ask(LONG);
    await panel.streaming();
    process.kill(installation.processes("native_host.broker")[0], "SIGKILL");
    assert.match(await panel.answer("failed", "interrupted"), /background process|interrupted/i);
    await panel.screenshot("broker-killed");
    await eventually(() => installation.processes("backends.worker").length === 0, "its worker ends");
    await panel.ask(QUESTION);
    assert.notEqual(await panel.answer(), "");
  });

  await t.test("the host killed in mid-answer", async () => {
    await panel.page.getByTestId("new-conversation").click();
    await panel.ask(LONG);
    await panel.streaming();
    process.kill(installation.processes("native_host.host")[0], "SIGKILL");
    await panel.answer("failed", "interrupted");
    await panel.screenshot("host-killed");
    await panel.ask(QUESTION);
    assert.notEqual(await panel.answer(), "");
  });

  await t.test("a host that is not installed, then is", async () => {
    const bare = await installation.browser({ registered: false });
    const other = await openPanel(bare);
    await other.errorBox.first().waitFor({ timeout: 10_000 });
    assert.match(await other.page.getByTestId("command").innerText(), /tabagent install/);
    await other.screenshot("not-installed");
    installation.register(bare.profile);
    await other.page.getByTestId("retry").first().click();
    await other.ask(QUESTION);
    assert.match(await other.answer(), /Paris/);
  });
});
