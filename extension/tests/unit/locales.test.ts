/** Every text is used, so none is left behind; a missing one does not compile. */
import { expect, it } from "vitest";
import messages from "../../public/_locales/en/messages.json";

const sources = import.meta.glob(["../../src/**/*.{ts,tsx}", "../../manifest/*.ts"], { query: "?raw", import: "default", eager: true });
const source = Object.values(sources).join("\n");

it.each(Object.keys(messages))("%s is used", (key) => {
  expect(source).toMatch(new RegExp(`"${key}"|__MSG_${key}__`));
});
