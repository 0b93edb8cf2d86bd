// A person chats: tokens come one by one, Stop stops, the conversation goes on, also after the service worker ended.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Installation, cpuTicks, eventually, openPanel, skip, sleep } from "./support.mjs";

const LONG = "Write a very long story about a lighthouse keeper, with many chapters.";

test("chat", { skip }, async (t) => {
  const installation = new Installation();
  let browser;
  let panel;
  before(async () => {
    browser = await installation.browser();
    panel = await openPanel(browser);
  });
  after(() => installation.close());

  await t.test("a question is answered, and the tokens arrive one by one", async () => {
    await panel.ready();
    await panel.screenshot("welcome");
    await panel.page.evaluate(() => {
      window.seen = new Set();
      const look = () => {
        const text = [...document.querySelectorAll("[data-testid=message-text]")].at(-1)?.innerText ?? "";
        if (text) window.seen.add(text.length);
        requestAnimationFrame(look);
      };
      look();
    });
    await panel.ask("List the days of the week, one per line.");
    const answer = await panel.answer();
    assert.match(answer, /Monday/);
    const steps = await panel.page.evaluate(() => window.seen.size);
    assert.ok(steps >= 8, `the answer appeared in ${steps} steps`);
    await panel.screenshot("answered");
  });

  await t.test("Stop ends the generation: the worker's CPU use falls", async () => {
    await panel.ask(LONG);
    await panel.streaming();
    await panel.screenshot("streaming");
    const [worker] = installation.processes("backends.worker");
    const before = cpuTicks(worker);
    await sleep(500);
    const busy = cpuTicks(worker) - before;
    await panel.stop.click();
    const partial = await panel.answer("stopped");
    assert.ok(partial.length > 20, "what had come is kept");
    await sleep(300);
    const idleFrom = cpuTicks(worker);
    await sleep(500);
    const idle = cpuTicks(worker) - idleFrom;
    assert.ok(busy >= 20 && idle <= 2, `busy ${busy} ticks, after Stop ${idle}`);
    await panel.screenshot("stopped");
  });

  await t.test("a second question continues the conversation", async () => {
    await panel.page.getByTestId("new-conversation").click();
    await panel.ask("My name is Zebulon. Please remember it.");
    await panel.answer();
    await panel.ask("What is my name?");
    assert.match(await panel.answer(), /Zebulon/);
  });

  await t.test("the service worker is stopped, and the conversation goes on", async () => {
    const [before] = installation.processes("native_host.host");
    const session = await browser.browser().newBrowserCDPSession();
    const { targetInfos } = await session.send("Target.getTargets");
    const target = targetInfos.find((info) => info.type === "service_worker");
    await session.send("Target.closeTarget", { targetId: target.targetId });
    await eventually(() => !installation.processes("native_host.host").includes(before), "the old host ends");
    await panel.ask("Tell me my name once more.");
    assert.match(await panel.answer(), /Zebulon/);
    assert.equal(await panel.page.locator("[data-testid=message]").count(), 6);
  });

  await t.test("a second profile shares the broker and the loaded model", async () => {
    const other = await openPanel(await installation.browser());
    await other.ask("What is the capital of France?");
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
