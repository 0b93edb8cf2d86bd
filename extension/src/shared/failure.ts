/**
 * Why something did not work, in the shape of the protocol's `error` field. The code is a plain string here: a newer
 * host may send codes that this extension does not know, and the extension adds a few of its own.
 */
export interface Failure {
  code: string;
  message: string;
  details: Record<string, unknown>;
  retryable: boolean;
}

/** Codes that never cross the wire: they are made on this side of it. */
export type LocalErrorCode =
  /** The browser knows no host under our name. */
  | "host_not_found"
  /** A host is registered, but not for this extension's id. */
  | "host_forbidden"
  /** The host's process ended. */
  | "host_exited"
  /** The host was started and never answered `hello`. */
  | "host_silent"
  /** The host answered with something that is not our protocol. */
  | "host_unintelligible"
  /** The connection ended in a way the browser does not explain further. */
  | "host_lost"
  /** A request was in flight when the connection ended. `details.reason` is one of the codes above. */
  | "host_disconnected"
  /** This page belongs to a version of the extension that has been replaced or removed. */
  | "extension_reloaded";

export function localFailure(
  code: LocalErrorCode | "version_mismatch" | "request_too_large",
  message: string,
  details: Record<string, unknown> = {},
): Failure {
  return { code, message, details, retryable: code !== "request_too_large" };
}
