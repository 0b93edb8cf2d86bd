// The real SmolLM2 with a chat template that begins its answers with thoughts, and shows it once how they end.

import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { BIN, ROOT } from "./support.mjs";

const SOURCE = "from tabagent_weights.packages import smollm2_gguf; print(smollm2_gguf(), end='')";
const TEMPLATE = path.join(import.meta.dirname, "thinking.jinja");

/** Writes SmolLM2 with other metadata into a folder of its own; the caller removes the folder. */
function makeModel(name, ...options) {
  const folder = mkdtempSync(path.join(tmpdir(), "tabagent-thinking-"));
  const source = execFileSync(path.join(BIN, "python"), ["-c", SOURCE], { cwd: ROOT, encoding: "utf8" });
  const target = path.join(folder, `${name}.gguf`);
  execFileSync(path.join(BIN, "gguf-new-metadata"), ["--force", ...options, source, target], { stdio: "pipe" });
  return folder;
}

/** Return a folder with `thinking.gguf`. */
export function makeThinkingModel() {
  return makeModel("thinking", "--chat-template-file", TEMPLATE);
}

/** Return a folder with `base.gguf`, which carries no chat template. */
export function makeBaseModel() {
  return makeModel("base", "--remove-metadata", "tokenizer.chat_template");
}
