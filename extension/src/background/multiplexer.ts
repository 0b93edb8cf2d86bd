/**
 * Lets several panels share the one native port. A panel numbers its requests as it likes; here each gets an id that
 * is unique on the native port, and its events go back under the panel's own number.
 */
import type { HostEvent } from "../protocol/event-guard";
import type { AnyRequest, Id } from "../protocol/messages";
import { localFailure, type Failure } from "../shared/failure";
import { endsRequest, type Reply, type RequestBody } from "../shared/panel-messages";

/** Where the replies of one panel go. */
export interface ReplySink {
  reply(panelId: number, reply: Reply): void;
}

interface Route {
  sink: ReplySink;
  panelId: number;
}

const DEFAULT_MAX_REQUEST_BYTES = 16 * 1024 * 1024;

export class Multiplexer {
  readonly #send: (request: AnyRequest) => void;
  readonly #routes = new Map<Id, Route>();
  #lastId = 0;

  /** The host drops longer requests without being able to say whose they were, so they are refused here. */
  maxRequestBytes = DEFAULT_MAX_REQUEST_BYTES;

  constructor(send: (request: AnyRequest) => void) {
    this.#send = send;
  }

  get inFlight(): number {
    return this.#routes.size;
  }

  request(sink: ReplySink, panelId: number, body: RequestBody): void {
    const request: AnyRequest = { ...body, id: ++this.#lastId };
    const bytes = new TextEncoder().encode(JSON.stringify(request)).length;
    if (bytes > this.maxRequestBytes) {
      const message = "The conversation is too long to be sent. Begin a new one.";
      const details = { bytes, max_request_bytes: this.maxRequestBytes };
      sink.reply(panelId, { event: "error", error: localFailure("request_too_large", message, details) });
      return;
    }
    this.#routes.set(request.id, { sink, panelId });
    this.#send(request);
  }

  /** Asks the host to stop a request. Its last event still goes to the panel. */
  cancel(sink: ReplySink, panelId: number): void {
    for (const [target, route] of this.#routes) {
      if (route.sink === sink && route.panelId === panelId) this.#cancelTarget(target);
    }
  }

  /** A panel is gone: what it asked for is stopped, and nobody is told. */
  dropSink(sink: ReplySink): void {
    for (const [target, route] of this.#routes) {
      if (route.sink !== sink) continue;
      this.#routes.delete(target);
      this.#cancelTarget(target);
    }
  }

  /** An event of the host. Events of requests that nobody waits for any more are ignored. */
  receive(event: Exclude<HostEvent, { event: "chunk" }>): void {
    const { id, ...reply } = event;
    const route = id === null ? undefined : this.#routes.get(id);
    if (id === null || !route) return;
    if (endsRequest(reply)) this.#routes.delete(id);
    route.sink.reply(route.panelId, reply);
  }

  /** The connection ended: every request in flight ends with `host_disconnected`. */
  failAll(reason: Failure): void {
    const routes = [...this.#routes.values()];
    this.#routes.clear();
    const details = { ...reason.details, reason: reason.code };
    const error = localFailure("host_disconnected", reason.message, details);
    for (const { sink, panelId } of routes) sink.reply(panelId, { event: "error", error });
  }

  #cancelTarget(target: Id): void {
    this.#send({ id: ++this.#lastId, action: "cancel", target });
  }
}
