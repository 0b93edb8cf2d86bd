/**
 * Keeps this window's conversation across a stop of the service worker and a closed panel. Written at most every
 * WRITE_INTERVAL_MS while an answer streams; `flush` writes at once, for when the page goes away.
 */
import { parseFailure } from "../../protocol/event-guard";
import { isAmount, isOneOf, isRecord } from "../../shared/json-shape";
import { localFailure } from "../../shared/failure";
import { conversationKey } from "../../shared/conversation-key";
import { changeConversation, isUnderWay, type Answer, type Conversation, type Turn } from "./conversation";

const WRITE_INTERVAL_MS = 300;
const ANSWER_STATES = ["waiting", "streaming", "complete", "stopped", "interrupted", "failed"] as const;

function readTurn(value: unknown): Turn | null {
  if (!isRecord(value) || typeof value["id"] !== "string" || typeof value["text"] !== "string") return null;
  const { id, text, reasoning, role, state, model, summary } = value;
  if (role === "user") return { role, id, text };
  if (role !== "assistant" || !isOneOf(state, ANSWER_STATES) || typeof model !== "string") return null;
  const thought = typeof reasoning === "string" ? reasoning : "";
  return { role, id, text, reasoning: thought, state, model, summary: readSummary(summary), failure: parseFailure(value["failure"]) };
}

function readSummary(value: unknown): Answer["summary"] {
  if (!isRecord(value) || typeof value["model"] !== "string") return null;
  const { finishReason, model, promptTokens, completionTokens, tokensPerSecond } = value;
  if (!isOneOf(finishReason, ["stop", "length", "tool_calls"] as const)) return null;
  if (!isAmount(promptTokens) || !isAmount(completionTokens) || !isAmount(tokensPerSecond)) return null;
  return { finishReason, model, promptTokens, completionTokens, tokensPerSecond };
}

/** What was stored, with an answer that nobody is giving any more marked as interrupted. */
export function readConversation(value: unknown): Conversation {
  if (!Array.isArray(value)) return [];
  const turns = value.map(readTurn).filter((turn) => turn !== null);
  const failure = localFailure("host_disconnected", "The panel was closed while the answer was being written.");
  return turns
    .filter(isUnderWay)
    .reduce<Conversation>((kept, { id }) => changeConversation(kept, { type: "interrupted", id, failure }), turns);
}

export class ConversationStorage {
  readonly #area: chrome.storage.StorageArea;
  readonly #key: string;
  #latest: Conversation | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(area: chrome.storage.StorageArea, windowId: number) {
    this.#area = area;
    this.#key = conversationKey(windowId);
  }

  async load(): Promise<Conversation> {
    const stored = await this.#area.get(this.#key);
    return readConversation(stored[this.#key]);
  }

  save(conversation: Conversation): void {
    this.#latest = conversation;
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, WRITE_INTERVAL_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#latest) return;
    const conversation = this.#latest;
    this.#latest = null;
    this.#area.set({ [this.#key]: conversation }).catch((error: unknown) => {
      console.warn("The conversation could not be kept.", error);
    });
  }
}
