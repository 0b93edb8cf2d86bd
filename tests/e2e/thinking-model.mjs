// The real SmolLM2 with a chat template that begins its answers with thoughts, and shows it once how they end.

import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { BIN, ROOT } from "./support.mjs";

const SOURCE = "from tabagent_weights.packages import smollm2_gguf; print(smollm2_gguf(), end='')";
const TEMPLATE = path.join(import.meta.dirname, "thinking.jinja");

/** A folder of its own with `thinking.gguf`; whoever calls removes it. */
export function makeThinkingModel() {
  const folder = mkdtempSync(path.join(tmpdir(), "tabagent-thinking-"));
  const source = execFileSync(path.join(BIN, "python"), ["-c", SOURCE], { cwd: ROOT, encoding: "utf8" });
  const target = path.join(folder, "thinking.gguf");
  execFileSync(path.join(BIN, "gguf-new-metadata"), ["--force", "--chat-template-file", TEMPLATE, source, target], { stdio: "pipe" });
  return folder;
}
