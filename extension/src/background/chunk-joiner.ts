/**
 * Joins the `chunk` events that carry one message above the browser's 1 MiB limit.
 * Chunks of one id arrive in order from 0; chunks of different ids may be interleaved.
 */
import { parseEvent, type HostEvent } from "../protocol/event-guard";
import type { ChunkEvent, Id } from "../protocol/messages";

/** More text than this is refused: no answer of the protocol is near it. */
const LONGEST_MESSAGE = 64 * 1024 * 1024;

interface Partial {
  parts: string[];
  length: number;
}

export class ChunkError extends Error {}

export class ChunkJoiner {
  readonly #partials = new Map<Id | null, Partial>();

  /**
   * Returns the whole message when `chunk` was its last part, and null before that.
   * Throws ChunkError, and forgets the parts, when they cannot become a message any more.
   */
  add(chunk: ChunkEvent): HostEvent | null {
    const partial = this.#partials.get(chunk.id) ?? { parts: [], length: 0 };
    this.#partials.delete(chunk.id);
    if (chunk.seq !== partial.parts.length) {
      throw new ChunkError(`Part ${chunk.seq} of a reply arrived where part ${partial.parts.length} was due.`);
    }
    partial.parts.push(chunk.data);
    partial.length += chunk.data.length;
    if (partial.length > LONGEST_MESSAGE) throw new ChunkError("A reply is longer than 64 MiB.");
    if (!chunk.last) {
      this.#partials.set(chunk.id, partial);
      return null;
    }
    return this.#parse(partial.parts.join(""), chunk.id);
  }

  /** Forgets what was begun, because the connection ended. */
  clear(): void {
    this.#partials.clear();
  }

  #parse(text: string, id: Id | null): HostEvent {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new ChunkError("The parts of a reply do not join to JSON.");
    }
    const event = parseEvent(value);
    if (!event || event.event === "chunk" || event.id !== id) {
      throw new ChunkError("The parts of a reply do not join to an event of the same request.");
    }
    return event;
  }
}
