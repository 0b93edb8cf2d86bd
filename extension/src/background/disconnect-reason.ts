/**
 * Tells from the browser's sentence why the native port closed. The sentences are not translated by the browsers;
 * Chromium's are in native_message_process_host.cc and messaging_service, Firefox's in NativeMessaging.sys.mjs.
 */
import { localFailure, type Failure, type LocalErrorCode } from "../shared/failure";

const PATTERNS: readonly (readonly [RegExp, LocalErrorCode])[] = [
  [/messaging host not found/i, "host_not_found"],
  [/no such native application/i, "host_not_found"],
  [/messaging host is forbidden/i, "host_forbidden"],
  [/does not have permission to use native application/i, "host_forbidden"],
  [/native host has exited/i, "host_exited"],
];

export function classifyDisconnect(browserMessage: string | undefined): Failure {
  const text = browserMessage ?? "";
  const code = PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? "host_lost";
  return localFailure(code, text || "The connection to the host was closed.", { browser_message: text });
}
