/**
 * The one native port, and its life:
 *
 *   stopped ──start──▶ connecting ──hello answered──▶ ready
 *                       │      ▲                        │
 *                 closed│      │back-off over, retry    │closed
 *                       ▼      │                        │
 *                      lost ◀──┴────────────────────────┘
 *   connecting ──protocol not shared──▶ refused ──retry──▶ connecting          any ──stop──▶ stopped
 *
 * `lost` tries again by itself, 0.25 s to 8 s later. The failures that decide the wait are forgotten only after a
 * connection has lasted STABLE_MS, so a host that dies right after `hello` is not started four times a second.
 * Events of requests are handed on whole: chunks are joined here, and what is no event is dropped.
 */
import { parseEvent, type HostEvent } from "../protocol/event-guard";
import type { AnyRequest } from "../protocol/messages";
import { backOffMs } from "../shared/back-off";
import { localFailure, type Failure } from "../shared/failure";
import type { ConnectionState } from "../shared/panel-messages";
import type { PortLike } from "../shared/port";
import { ChunkError, ChunkJoiner } from "./chunk-joiner";
import { classifyDisconnect } from "./disconnect-reason";
import { HELLO_ID, helloRequest, readHello } from "./hello";

const HELLO_TIMEOUT_MS = 15_000;
const STABLE_MS = 10_000;

type WholeEvent = Exclude<HostEvent, { event: "chunk" }>;

export interface HostConnectionOptions {
  /** Opens a port to the host. May throw where the browser refuses at once. */
  connectNative: () => PortLike;
  /** The browser's sentence about why `port` closed. Asked only inside its onDisconnect. */
  disconnectMessage: (port: PortLike) => string | undefined;
  clientVersion: string;
  onState: (state: ConnectionState) => void;
  onEvent: (event: WholeEvent) => void;
  /** Requests in flight will get no more events. */
  onRequestsLost: (reason: Failure) => void;
}

export class HostConnection {
  readonly #options: HostConnectionOptions;
  readonly #chunks = new ChunkJoiner();
  #port: PortLike | null = null;
  #state: ConnectionState | null = null;
  #failures = 0;
  /** An error the host sent about the connection itself: a better reason than the browser's when the port closes. */
  #lastWords: Failure | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HostConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState | null {
    return this.#state;
  }

  /** Connects unless that has happened or is under way. */
  start(): void {
    if (this.#state === null) this.#connect(null);
  }

  /** Connects now instead of after the wait. */
  retryNow(): void {
    if (this.#state?.phase === "lost" || this.#state?.phase === "refused") this.#connect(this.#state.problem);
  }

  /** Closes the port, which ends the host's process. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#closePort();
    this.#state = null;
    this.#failures = 0;
    this.#options.onRequestsLost(localFailure("host_lost", "The connection to the host was closed."));
  }

  send(request: AnyRequest): void {
    this.#port?.postMessage(request);
  }

  #connect(problem: Failure | null): void {
    clearTimeout(this.#timer);
    this.#setState({ phase: "connecting", problem, failures: this.#failures });
    let port: PortLike;
    try {
      port = this.#options.connectNative();
    } catch (error) {
      this.#lose(classifyDisconnect(error instanceof Error ? error.message : undefined));
      return;
    }
    this.#port = port;
    this.#lastWords = null;
    port.onMessage.addListener((message) => {
      if (this.#port === port) this.#receive(message);
    });
    port.onDisconnect.addListener((closed) => {
      const browserMessage = this.#options.disconnectMessage(closed);
      if (this.#port !== port) return;
      const reason = classifyDisconnect(browserMessage);
      this.#lose(this.#lastWords ? { ...reason, message: this.#lastWords.message } : reason);
    });
    port.postMessage(helloRequest(this.#options.clientVersion));
    this.#timer = setTimeout(() => {
      this.#lose(localFailure("host_silent", "The host was started but did not answer."));
    }, HELLO_TIMEOUT_MS);
  }

  #receive(message: unknown): void {
    let event = parseEvent(message);
    if (event?.event === "chunk") {
      const { id } = event;
      try {
        event = this.#chunks.add(event);
        if (!event) return;
      } catch (error) {
        if (!(error instanceof ChunkError)) throw error;
        event = { id, event: "error", error: localFailure("host_unintelligible", error.message) };
      }
    }
    if (!event || event.event === "chunk") {
      console.warn("Dropped a message of the host that is no event of the protocol.");
    } else if (event.id === null) {
      if (event.event === "error") this.#lastWords = event.error;
    } else if (event.id === HELLO_ID) {
      this.#receiveHello(event);
    } else {
      this.#options.onEvent(event);
    }
  }

  #receiveHello(event: WholeEvent): void {
    const answer = readHello(event);
    if (this.#state?.phase !== "connecting" || answer === null) return;
    clearTimeout(this.#timer);
    if ("host" in answer) {
      this.#timer = setTimeout(() => (this.#failures = 0), STABLE_MS);
      this.#setState({ phase: "ready", host: answer.host });
    } else if (answer.problem.code === "version_mismatch") {
      this.#closePort();
      this.#setState({ phase: "refused", problem: answer.problem });
    } else {
      this.#lose(answer.problem);
    }
  }

  #lose(problem: Failure): void {
    clearTimeout(this.#timer);
    this.#closePort();
    this.#failures += 1;
    this.#setState({ phase: "lost", problem, failures: this.#failures });
    this.#options.onRequestsLost(problem);
    this.#timer = setTimeout(() => {
      this.#connect(problem);
    }, backOffMs(this.#failures));
  }

  #closePort(): void {
    const port = this.#port;
    this.#port = null;
    this.#chunks.clear();
    port?.disconnect();
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}
