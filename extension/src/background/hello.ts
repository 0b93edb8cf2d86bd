/** The first request on every connection: do both sides speak the same protocol, and what can the host do? */
import type { HostEvent } from "../protocol/event-guard";
import type { HelloRequest, HelloResult } from "../protocol/messages";
import { readHelloResult } from "../protocol/result-guards";
import { localFailure, type Failure } from "../shared/failure";

export const PROTOCOL_VERSION = 1;

/** Requests of panels are numbered from 1. */
export const HELLO_ID = 0;

export function helloRequest(clientVersion: string): HelloRequest {
  return {
    id: HELLO_ID,
    action: "hello",
    protocol: PROTOCOL_VERSION,
    client: { name: "tabagent-extension", version: clientVersion },
  };
}

/** What an event with the id of `hello` says, or null while it says nothing yet. */
export function readHello(event: HostEvent): { host: HelloResult } | { problem: Failure } | null {
  if (event.event === "error") return { problem: event.error };
  if (event.event !== "done") return null;
  const host = readHelloResult(event.result);
  if (!host) {
    return { problem: localFailure("host_unintelligible", "The host's greeting could not be understood.") };
  }
  if (host.protocol !== PROTOCOL_VERSION) {
    const message = `The host speaks protocol ${host.protocol}, this extension speaks protocol ${PROTOCOL_VERSION}.`;
    return { problem: localFailure("version_mismatch", message, { host_version: host.version }) };
  }
  return { host };
}
