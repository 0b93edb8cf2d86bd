// Answers that are hard to render: the panel stays usable while they stream and after they are restored.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { eventually, panelTest } from "./support.mjs";

const HOSTILE = [
  ">".repeat(4000),
  "> ".repeat(4000),
  "- ".repeat(4000),
  "1. ".repeat(4000),
  Array.from({ length: 150 }, (_, depth) => `${" ".repeat(2 * depth)}- x`).join("\n"),
  "*".repeat(10_000),
  "*a ".repeat(5000),
  "[".repeat(10_000),
  "`".repeat(10_000),
  `${"|a".repeat(1000)}|\n${"|-".repeat(1000)}|\n${"|b".repeat(1000)}|`,
  "a word ".repeat(150_000),
  "x".repeat(500_000),
  "a\n\n".repeat(60_000),
  `\`\`\`\n${"code\n".repeat(100_000)}`,
  ">".repeat(100_000),
  "- item\n".repeat(100_000),
  `|${"a|".repeat(1000)}\n|${"-|".repeat(1000)}\n${`|${"b|".repeat(1000)}\n`.repeat(1000)}`,
  "|a|b|\n|-|-|\n" + "|a|b|\n".repeat(20_000),
  "```\na\n\n~~~\n".repeat(10_000),
];

const SHORT = "**a** _b_ `c` [d](https://e.test/f) ".repeat(28);
/** Conversations whose size is not in one answer, as [questions and answers, messages to see]. */
const LARGE = {
  "500 short answers": [conversation(Array.from({ length: 500 }, () => SHORT)), 1000],
  "a question of 3 MB": [[{ role: "user", id: "q", text: "word ".repeat(600_000) }, ...conversation(["x"]).slice(1)], 2],
  "thoughts of 3 MB": [conversation(["x"]).map((turn) => ({ ...turn, reasoning: "word ".repeat(600_000) })), 2],
  "a failure of 1 MB": [
    conversation([""]).map((turn) => ({ ...turn, state: "failed", failure: { code: "x", message: "word ".repeat(200_000), details: {} } })),
    2,
  ],
};

function conversation(texts) {
  return texts.flatMap((text, n) => [
    { role: "user", id: `q${n}`, text: `question ${n}` },
    { role: "assistant", id: `a${n}`, text, reasoning: "", state: "complete", model: "m", summary: null, failure: null },
  ]);
}

async function store(page, value) {
  await page.evaluate(async (value) => {
    const { id } = await chrome.windows.getCurrent();
    await chrome.storage.session.set({ [`conversation:${id}`]: value });
  }, value);
}

async function stored(page) {
  return page.evaluate(async () => {
    const { id } = await chrome.windows.getCurrent();
    return Object.values(await chrome.storage.session.get(`conversation:${id}`))[0] ?? [];
  });
}

/** Open the panel anew; return its longest task in ms once it has been idle. */
async function reload(page) {
  await page.reload();
  await page.getByTestId("composer").waitFor({ timeout: 10_000 });
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        let longest = 0;
        let last = performance.now();
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
          last = performance.now();
        }).observe({ type: "longtask", buffered: true });
        const look = () => (performance.now() - last > 400 ? resolve(longest) : setTimeout(look, 50));
        look();
      }),
  );
}

panelTest("s8_rendering", async (t, { panel }) => {
  const { page } = panel;
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(error));

  for (const [pattern, block] of [["(> ){30}x", "blockquote"], ["(- ){30}x", "ul"]]) {
    await t.test(`s8_ ${pattern} streams, and the next question works`, async () => {
      await page.evaluate((value) => chrome.storage.local.set({
        chatStyle: { options: { temperature: 0, max_tokens: 400, grammar: { type: "regex", value } } },
      }), pattern);
      await page.reload();
      await panel.ask("Quote.");
      await panel.answer("complete", "failed");
      const text = page.getByTestId("message-text").last();
      const blocks = await text.locator(block).count();
      assert.ok(blocks > 3, `${blocks} levels: ${await text.innerHTML()}`);
      await panel.screenshot(`streamed-${block}`);
      await reload(page);
      assert.equal(await text.locator(block).count(), blocks);
    });
  }

  await t.test("s8_ restored", async () => {
    for (const text of HOSTILE) {
      await store(page, conversation([text]));
      const longest = await reload(page);
      t.diagnostic(`${JSON.stringify(text.slice(0, 12))}: longest task ${Math.round(longest)} ms`);
      assert.equal(await page.locator("[data-testid=message]").count(), 2);
      assert.ok(longest < 1000, `${longest} ms`);
    }
    for (const [name, [turns, messages]] of Object.entries(LARGE)) {
      await store(page, turns);
      const longest = await reload(page);
      t.diagnostic(`${name}: longest task ${Math.round(longest)} ms`);
      assert.equal(await page.locator("[data-testid=message]").count(), messages);
      assert.ok(longest < 1000, `${longest} ms`);
    }
    await store(page, conversation(["> ".repeat(4000), "- ".repeat(4000), "# Fine\n\n1. one\n   - two\n\n> quote"]));
    await reload(page);
    await panel.screenshots("hostile-restored");
    assert.equal(await page.locator("[data-testid=message] h1").innerText(), "Fine");
  });

  await t.test("s8_ a damaged conversation is no obstacle", async () => {
    const [question, answer] = conversation(["Fine."]);
    const damaged = [
      "x", null, 5, true, [], [[]], [1, null, {}], { length: 5 },
      [question, { ...answer, text: null }], [question, { ...answer, state: "new" }], [answer, question], [question, question, answer, answer],
      [question, { ...answer, summary: 5, failure: "x", reasoning: {} }], [question, { ...answer, failure: { code: "x", message: "y", details: 5 } }],
      [{ ...question, id: 7, role: "system", content: "of an old version" }, question, answer],
      conversation(["x".repeat(3_000_000)]),
    ];
    for (const value of damaged) {
      await store(page, value);
      await reload(page);
      assert.equal(await page.getByTestId("panel-failure").count(), 0);
    }
    await page.evaluate(async () => {
      let details = {};
      for (let depth = 0; depth < 90; depth += 1) details = { details };
      const { id } = await chrome.windows.getCurrent();
      const failure = { code: "x", message: "Nested.", details };
      const answer = { role: "assistant", id: "a", text: "", reasoning: "", state: "failed", model: "m", summary: null, failure };
      await chrome.storage.session.set({ [`conversation:${id}`]: [{ role: "user", id: "q", text: "q" }, answer] });
    });
    await reload(page);
    assert.match(await page.getByTestId("error-box").innerText(), /Nested/);
    await page.evaluate(() => chrome.storage.local.set({ model: { x: 1 }, chatStyle: [5] }));
    await reload(page);
    await panel.ready();
  });
  assert.deepEqual(thrown, []);

  await t.test("test_s8_ a defect in one message, or in the frame, leaves the rest", async () => {
    // Browser functions that fail stand for defects of the panel that are not known yet.
    await page.addInitScript(() => {
      const { trim } = String.prototype;
      String.prototype.trim = function () {
        if (String(this) === "defect") throw new Error("A message fails.");
        return trim.call(this);
      };
      if (window.name === "broken frame") Intl.NumberFormat = null;
    });
    const [first, answer, ...rest] = conversation(["Broken.", "Fine."]);
    await store(page, [first, { ...answer, reasoning: "defect", failure: { code: "x", message: "y", details: {} } }, ...rest]);
    await reload(page);
    const messages = page.getByTestId("message");
    const shown = (count) => eventually(async () => (await messages.count()) === count, `${count} messages`);
    await shown(4);
    assert.match(await messages.nth(1).innerText(), /^Broken\./);
    assert.equal(await messages.nth(1).getAttribute("data-state"), "plain");
    assert.match(await messages.nth(3).innerText(), /Fine\.$/);
    await panel.screenshot("broken-message");
    await page.getByTestId("drop-question").click();
    await shown(2);
    while ((await stored(page)).length !== 2) await setTimeout(50); // else the panel would write it over what comes now

    const summary = { finishReason: "stop", model: "m", promptTokens: 1, completionTokens: 1, tokensPerSecond: 1 };
    await store(page, conversation(["Fine."]).map((turn) => ({ ...turn, summary })));
    await page.evaluate(() => { window.name = "broken frame"; });
    await page.reload();
    await page.getByTestId("panel-failure").waitFor({ timeout: 10_000 });
    await panel.screenshots("broken-frame");
    await page.evaluate(() => { window.name = ""; });
    await page.reload();
    await panel.ready();
    await shown(2);
  });
});
