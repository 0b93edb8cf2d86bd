/** Texts of the interface, from _locales. A key that is not there does not compile. */
import type messages from "../../public/_locales/en/messages.json";

export type MessageKey = keyof typeof messages;

export function t(key: MessageKey, ...substitutions: string[]): string {
  return chrome.i18n.getMessage(key, substitutions);
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(chrome.i18n.getUILanguage(), { maximumFractionDigits: digits }).format(value);
}

export function formatPercent(fraction: number): string {
  return new Intl.NumberFormat(chrome.i18n.getUILanguage(), { style: "percent" }).format(fraction);
}
