/**
 * A panel's end of the port to the service worker. The browser may stop the worker whenever it likes: then every
 * request in flight ends with `host_disconnected`, and the link is made again, which starts the worker again.
 */
import { backOffMs } from "../shared/back-off";
import { localFailure, type Failure } from "../shared/failure";
import {
  endsRequest,
  type BackgroundToPanel,
  type ConnectionState,
  type PanelToBackground,
  type Reply,
  type RequestBody,
} from "../shared/panel-messages";
import type { PortLike } from "../shared/port";

export type ReplyHandler = (reply: Reply) => void;

export class RequestFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export class BackgroundLink {
  readonly #connect: () => PortLike;
  readonly #onState: (state: ConnectionState) => void;
  readonly #pending = new Map<number, ReplyHandler>();
  #port: PortLike | null = null;
  #lastId = 0;
  #failures = 0;

  /** `connect` throws when the extension of this page is no longer installed. */
  constructor(connect: () => PortLike, onState: (state: ConnectionState) => void) {
    this.#connect = connect;
    this.#onState = onState;
  }

  open(): void {
    let port: PortLike;
    try {
      port = this.#connect();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#onState({ phase: "refused", problem: localFailure("extension_reloaded", message) });
      return;
    }
    this.#port = port;
    port.onMessage.addListener((message) => {
      this.#receive(message as BackgroundToPanel);
    });
    port.onDisconnect.addListener(() => {
      this.#closed();
    });
  }

  /** Sends a request. `onReply` hears of everything, last of `done`, `error` or `cancelled`. */
  request(body: RequestBody, onReply: ReplyHandler): number {
    const id = ++this.#lastId;
    this.#pending.set(id, onReply);
    if (this.#port) this.#post({ kind: "request", id, body });
    else this.#fail(id);
    return id;
  }

  /** A request with a single answer, checked by `read`. */
  ask<T>(body: RequestBody, read: (result: unknown) => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      this.request(body, (reply) => {
        if (reply.event === "error") reject(new RequestFailed(reply.error));
        if (reply.event === "cancelled") reject(new RequestFailed(localFailure("host_lost", "The request was cancelled.")));
        if (reply.event !== "done") return;
        const result = read(reply.result);
        if (result) resolve(result);
        else reject(new RequestFailed(localFailure("host_unintelligible", "The host's answer could not be understood.")));
      });
    });
  }

  /** Stops a request whose further replies are of no interest. */
  abandon(id: number): void {
    if (this.#pending.delete(id)) this.#post({ kind: "cancel", id });
  }

  reconnect(): void {
    this.#post({ kind: "reconnect" });
  }

  #post(message: PanelToBackground): void {
    this.#port?.postMessage(message);
  }

  #receive(message: BackgroundToPanel): void {
    this.#failures = 0;
    if (message.kind === "connection") {
      this.#onState(message.state);
      return;
    }
    const onReply = this.#pending.get(message.id);
    if (endsRequest(message.reply)) this.#pending.delete(message.id);
    onReply?.(message.reply);
  }

  #closed(): void {
    this.#port = null;
    this.#failures += 1;
    this.#onState({ phase: "connecting", problem: null, failures: this.#failures });
    for (const id of [...this.#pending.keys()]) this.#fail(id);
    setTimeout(() => {
      this.open();
    }, backOffMs(this.#failures));
  }

  #fail(id: number): void {
    const onReply = this.#pending.get(id);
    this.#pending.delete(id);
    const error = localFailure("host_disconnected", "The connection was interrupted.", { reason: "host_lost" });
    onReply?.({ event: "error", error });
  }
}
