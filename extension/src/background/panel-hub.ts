/**
 * The panels that are open, and the native connection they share. The connection is opened with the first panel and
 * closed GRACE_MS after the last one, so that a panel that is only reloaded finds its host still there.
 */
import { localFailure } from "../shared/failure";
import type { BackgroundToPanel, ConnectionState, PanelToBackground, Reply } from "../shared/panel-messages";
import type { PortLike } from "../shared/port";
import { HostConnection, type HostConnectionOptions } from "./host-connection";
import { Multiplexer, type ReplySink } from "./multiplexer";

const GRACE_MS = 3000;

class Panel implements ReplySink {
  readonly #port: PortLike;

  constructor(port: PortLike) {
    this.#port = port;
  }

  reply(id: number, reply: Reply): void {
    this.post({ kind: "reply", id, reply });
  }

  post(message: BackgroundToPanel): void {
    this.#port.postMessage(message);
  }
}

type NativeOptions = Pick<HostConnectionOptions, "connectNative" | "disconnectMessage" | "clientVersion">;

export class PanelHub {
  readonly #panels = new Set<Panel>();
  readonly #host: HostConnection;
  readonly #multiplexer: Multiplexer;
  #closing: ReturnType<typeof setTimeout> | undefined;

  constructor(native: NativeOptions) {
    this.#host = new HostConnection({
      ...native,
      onState: (state) => {
        this.#announce(state);
      },
      onEvent: (event) => {
        this.#multiplexer.receive(event);
      },
      onRequestsLost: (reason) => {
        this.#multiplexer.failAll(reason);
      },
    });
    this.#multiplexer = new Multiplexer((request) => {
      this.#host.send(request);
    });
  }

  addPanel(port: PortLike): void {
    const panel = new Panel(port);
    this.#panels.add(panel);
    clearTimeout(this.#closing);
    port.onMessage.addListener((message) => {
      this.#receive(panel, message as PanelToBackground);
    });
    port.onDisconnect.addListener(() => {
      this.#removePanel(panel);
    });
    const state = this.#host.state;
    if (state) panel.post({ kind: "connection", state });
    else this.#host.start();
  }

  #removePanel(panel: Panel): void {
    this.#panels.delete(panel);
    this.#multiplexer.dropSink(panel);
    if (this.#panels.size > 0) return;
    this.#closing = setTimeout(() => {
      this.#host.stop();
    }, GRACE_MS);
  }

  #receive(panel: Panel, message: PanelToBackground): void {
    switch (message.kind) {
      case "request":
        if (this.#host.state?.phase === "ready") {
          this.#multiplexer.request(panel, message.id, message.body);
        } else {
          const error = localFailure("host_disconnected", "There is no connection to the host.", { reason: "host_lost" });
          panel.reply(message.id, { event: "error", error });
        }
        break;
      case "cancel":
        this.#multiplexer.cancel(panel, message.id);
        break;
      case "reconnect":
        this.#host.retryNow();
        break;
    }
  }

  #announce(state: ConnectionState): void {
    if (state.phase === "ready") this.#multiplexer.maxRequestBytes = state.host.limits.max_request_bytes;
    for (const panel of this.#panels) panel.post({ kind: "connection", state });
  }
}
