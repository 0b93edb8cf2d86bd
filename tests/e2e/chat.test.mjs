// A person chats: tokens come one by one, Stop stops, the conversation goes on, also after the service worker ended.

import assert from "node:assert/strict";
import { LONG, QUESTION, cpuTicks, eventually, openPanel, panelTest, sleep } from "./support.mjs";

panelTest("chat", async (t, { installation, browser, panel }) => {
  let usage;

  await t.test("a question is answered", async () => {
    await panel.ready();
    await panel.screenshot("welcome");
    await panel.ask(QUESTION);
    assert.match(await panel.answer(), /Paris/);
    await panel.screenshot("answered");
  });

  await t.test("tokens arrive one by one, until Stop: then the worker's CPU use falls", async () => {
    await panel.page.evaluate(() => {
      window.seen = new Set();
      const look = () => {
        window.seen.add([...document.querySelectorAll("[data-testid=message-text]")].at(-1).innerText.length);
        requestAnimationFrame(look);
      };
      look();
    });
    await panel.ask(LONG);
    await panel.page.waitForFunction(() => window.seen.size >= 8);
    await panel.screenshot("streaming");
    const [worker] = installation.processes("backends.worker");
    const before = cpuTicks(worker);
    await eventually(() => cpuTicks(worker) - before >= 10, "the worker works");
    await panel.stop.click();
    const partial = await panel.answer("stopped");
    assert.ok(partial.length > 20, "what had come is kept");
    await sleep(300);
    const idleFrom = cpuTicks(worker);
    await sleep(500);
    const idle = cpuTicks(worker) - idleFrom;
    assert.ok(idle <= 2, `${idle} ticks after Stop`);
    await panel.screenshot("stopped");
  });

  await t.test("a second question continues the conversation", async () => {
    await panel.page.getByTestId("new-conversation").click();
    await panel.ask("My name is Zebulon. Please remember it.");
    await panel.answer();
    usage = await panel.usage();
    await panel.ask("What is my name?");
    await panel.answer();
    usage = await continued(panel, usage);
  });

  await t.test("the service worker is stopped, and the conversation goes on", async () => {
    const [before] = installation.processes("native_host.host");
    const session = await browser.browser().newBrowserCDPSession();
    const { targetInfos } = await session.send("Target.getTargets");
    const target = targetInfos.find((info) => info.type === "service_worker");
    await session.send("Target.closeTarget", { targetId: target.targetId });
    await eventually(() => !installation.processes("native_host.host").includes(before), "the old host ends");
    await panel.ask("Tell me my name once more.");
    await panel.answer();
    await continued(panel, usage);
    assert.equal(await panel.page.locator("[data-testid=message]").count(), 6);
  });

  await t.test("a second profile shares the broker and the loaded model", async () => {
    const other = await openPanel(await installation.browser());
    await other.ask(QUESTION);
    assert.match(await other.answer(), /Paris/);
    assert.equal(installation.processes("native_host.host").length, 2);
    assert.equal(installation.processes("native_host.broker").length, 1);
    assert.equal(installation.processes("backends.worker").length, 1);
  });

  await t.test("the panel opens from the toolbar", async () => {
    const session = await browser.browser().newBrowserCDPSession();
    const page = await browser.newPage();
    await page.goto("about:blank");
    await page.bringToFront();
    const { targetInfos } = await session.send("Target.getTargets", { filter: [{ type: "tab" }] });
    const tab = targetInfos.find((info) => info.url === "about:blank") ?? targetInfos[0];
    const extensionId = new URL(panel.page.url()).host;
    await session.send("Extensions.triggerAction", { id: extensionId, targetId: tab.targetId });
    await eventually(
      () => panel.page.evaluate(async () => (await chrome.runtime.getContexts({ contextTypes: ["SIDE_PANEL"] })).length),
      "the side panel opens",
    );
  });
});

/** The prompt holds everything that was said before: what a model of this size makes of it is another matter. */
async function continued(panel, before) {
  const now = await panel.usage();
  assert.ok(now.prompt > before.prompt + before.completion, `${JSON.stringify(before)}, then ${JSON.stringify(now)}`);
  return now;
}
