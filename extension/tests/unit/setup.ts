/** Gives every test the extension's texts through `chrome.i18n`, as the browser would. */
import { vi } from "vitest";
import messages from "../../public/_locales/en/messages.json";

function getMessage(key: string, substitutions: string[] = []): string {
  const text = (messages as Record<string, { message: string }>)[key]?.message ?? "";
  return text.replace(/\$(\d)/g, (_, digit: string) => substitutions[Number(digit) - 1] ?? "");
}

vi.stubGlobal("chrome", { i18n: { getMessage, getUILanguage: () => "en" } });
