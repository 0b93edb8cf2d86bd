/** A port whose other end is the test. */
import type { PortLike } from "../../src/shared/port";

export class FakePort implements PortLike {
  readonly sent: unknown[] = [];
  isClosed = false;
  #onMessage: ((message: unknown) => void)[] = [];
  #onDisconnect: ((port: PortLike) => void)[] = [];

  readonly onMessage: PortLike["onMessage"] = {
    addListener: (listener) => {
      this.#onMessage.push(listener);
    },
  };
  readonly onDisconnect: PortLike["onDisconnect"] = {
    addListener: (listener) => {
      this.#onDisconnect.push(listener);
    },
  };

  /** Like a browser's port: a closed one throws, and what is sent is a copy. */
  postMessage(message: unknown): void {
    if (this.isClosed) throw new Error("Attempting to use a disconnected port object");
    this.sent.push(structuredClone(message));
  }

  /** Closed by our side: like in a browser, we hear nothing of it. */
  disconnect(): void {
    this.isClosed = true;
  }

  /** The other end says something. */
  deliver(message: unknown): void {
    for (const listener of this.#onMessage) listener(message);
  }

  /** The other end closes. */
  drop(): void {
    this.isClosed = true;
    for (const listener of this.#onDisconnect) listener(this);
  }
}
