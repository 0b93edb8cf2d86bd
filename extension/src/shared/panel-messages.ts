/**
 * What a panel and the service worker say to each other over `runtime.connect`. Both ends are ours and of one build,
 * so these are types only.
 */
import type { HostEvent } from "../protocol/event-guard";
import type { AnyRequest, HelloResult, Id } from "../protocol/messages";
import type { Failure } from "./failure";

type WithoutId<T> = T extends { id: Id | null } ? Omit<T, "id"> : never;

/** A request before it has an id. */
export type RequestBody = WithoutId<Exclude<AnyRequest, { action: "hello" | "cancel" }>>;

/** An event of a request, without the id that is known from the envelope. Chunks are already joined. */
export type Reply = WithoutId<Exclude<HostEvent, { event: "chunk" }>>;

export function endsRequest(reply: Reply): boolean {
  return reply.event === "done" || reply.event === "error" || reply.event === "cancelled";
}

export type ConnectionState =
  /** A connection is being made. `problem` is why the one before it ended or could not be made. */
  | { phase: "connecting"; problem: Failure | null; failures: number }
  /** The host answered `hello`. */
  | { phase: "ready"; host: HelloResult }
  /** Waiting to try again. */
  | { phase: "lost"; problem: Failure; failures: number }
  /** Trying again by itself would not help. */
  | { phase: "refused"; problem: Failure };

export type PanelToBackground =
  | { kind: "request"; id: number; body: RequestBody }
  | { kind: "cancel"; id: number }
  | { kind: "reconnect" };

export type BackgroundToPanel =
  | { kind: "connection"; state: ConnectionState }
  | { kind: "reply"; id: number; reply: Reply };
