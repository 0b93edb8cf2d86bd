// A model that carries no chat template answers in the panel, and the answer names the template that stood in.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after } from "node:test";
import { QUESTION, panelTest } from "./support.mjs";
import { makeBaseModel } from "./thinking-model.mjs";

const folder = makeBaseModel();
after(() => rmSync(folder, { recursive: true }));

panelTest(
  "test_h26_ a model without a chat template",
  async (_, { panel }) => {
    await panel.ask(QUESTION);
    await panel.answer();
    const note = panel.page.getByTestId("fallback-template");
    assert.match(await note.innerText(), /no chat template.*chatml/);
    await panel.screenshots("fallback-template");
    await panel.page.reload();
    await panel.ready();
    assert.match(await note.innerText(), /chatml/);
  },
  { TABAGENT_MODEL_DIRS: folder, TABAGENT_DEFAULT_MODEL: "base" },
);
