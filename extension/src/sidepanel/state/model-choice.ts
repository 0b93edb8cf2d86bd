/** Which model is asked: the one last chosen here, else the host's default, else one that needs no loading. */
import type { ModelEntry } from "../../protocol/messages";

const STORAGE_KEY = "model";

export function chooseModel(models: readonly ModelEntry[], remembered: string | null, byDefault: string | null): string | null {
  const has = (name: string | null): name is string => models.some((model) => model.name === name);
  if (has(remembered)) return remembered;
  if (has(byDefault)) return byDefault;
  return (models.find((model) => model.loaded) ?? models[0])?.name ?? null;
}

export async function loadRememberedModel(): Promise<string | null> {
  const stored = await chrome.storage.local.get(STORAGE_KEY);
  const name: unknown = stored[STORAGE_KEY];
  return typeof name === "string" ? name : null;
}

export function rememberModel(name: string): void {
  void chrome.storage.local.set({ [STORAGE_KEY]: name });
}
