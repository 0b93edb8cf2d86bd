import { expect, it } from "vitest";
import { classifyDisconnect } from "../../src/background/disconnect-reason";

it.each([
  ["Specified native messaging host not found.", "host_not_found"],
  ["No such native application com.tabagent.host", "host_not_found"],
  ["Access to the specified native messaging host is forbidden.", "host_forbidden"],
  ["Native host has exited.", "host_exited"],
  ["Error when communicating with the native messaging host.", "host_lost"],
  ["Failed to start native messaging host.", "host_lost"],
  [undefined, "host_lost"],
])("%s is %s", (message, code) => {
  const failure = classifyDisconnect(message);
  expect(failure.code).toBe(code);
  expect(failure.message).not.toBe("");
});
