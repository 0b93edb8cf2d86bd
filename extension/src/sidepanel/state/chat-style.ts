/** How answers are asked for: a system message and sampling. Kept in the browser, so that it can be changed there. */
import type { GenerateOptions } from "../../protocol/messages";
import { isRecord } from "../../shared/json-shape";

const STORAGE_KEY = "chatStyle";

export interface ChatStyle {
  system: string;
  options: GenerateOptions;
}

/** Small models follow a plain instruction best, and wander less at a low temperature. */
export const DEFAULT_STYLE: ChatStyle = {
  system: "You answer questions in full sentences.",
  options: { temperature: 0.3 },
};

/** The stored style over the default one. The host checks the options, as it does every client's. */
export async function loadChatStyle(): Promise<ChatStyle> {
  const stored = (await chrome.storage.local.get(STORAGE_KEY))[STORAGE_KEY];
  if (!isRecord(stored)) return DEFAULT_STYLE;
  return {
    system: typeof stored.system === "string" ? stored.system : DEFAULT_STYLE.system,
    options: isRecord(stored.options) ? stored.options : DEFAULT_STYLE.options,
  };
}
