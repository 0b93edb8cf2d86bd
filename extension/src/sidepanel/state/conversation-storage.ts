/**
 * Keeps this window's conversation across a stop of the service worker and a closed panel. Written at most every
 * WRITE_INTERVAL_MS while an answer streams; `flush` writes at once, for when the page goes away.
 */
import { parseFailure } from "../../protocol/event-guard";
import { isAmount, isOneOf, isRecord } from "../../shared/json-shape";
import { localFailure, type Failure } from "../../shared/failure";
import { conversationKey } from "../../shared/conversation-key";
import { newAnswer, isUnderWay, type Answer, type Conversation, type Question } from "./conversation";

const WRITE_INTERVAL_MS = 300;
/** `chrome.storage.session` holds 10 MiB for all windows; a UTF-16 unit takes up to three bytes of UTF-8. */
const MAX_STORED_CHARS = 2_000_000;
/** Longer questions, answers and thoughts are cut. One question with its answer always fits. */
const MAX_TEXT_CHARS = 600_000;
/** Longer names, messages and codes are cut. */
const MAX_WORDS_CHARS = 4000;
const MAX_TURNS = 1000;
const ANSWER_STATES = ["waiting", "streaming", "complete", "stopped", "interrupted", "failed"] as const;

function readQuestion(value: unknown): Question | null {
  if (!isRecord(value) || value["role"] !== "user") return null;
  const { id, text } = value;
  return typeof id === "string" && typeof text === "string" ? { role: "user", id, text: text.slice(0, MAX_TEXT_CHARS) } : null;
}

function readAnswer(value: unknown): Answer | null {
  if (!isRecord(value) || value["role"] !== "assistant" || typeof value["id"] !== "string" || typeof value["text"] !== "string") return null;
  const { id, text, reasoning, state, model, summary } = value;
  if (!isOneOf(state, ANSWER_STATES) || typeof model !== "string") return null;
  return shortenAnswer({
    role: "assistant",
    id,
    text,
    reasoning: typeof reasoning === "string" ? reasoning : "",
    state,
    model,
    summary: readSummary(summary),
    failure: parseFailure(value["failure"]),
    ...(value["isShortened"] === true && { isShortened: true }),
  });
}

function readSummary(value: unknown): Answer["summary"] {
  if (!isRecord(value) || typeof value["model"] !== "string") return null;
  const { finishReason, model, promptTokens, completionTokens, tokensPerSecond, fallbackTemplate, hasNewTemplate } = value;
  if (!isOneOf(finishReason, ["stop", "length", "tool_calls"] as const)) return null;
  if (!isAmount(promptTokens) || !isAmount(completionTokens) || !isAmount(tokensPerSecond)) return null;
  return {
    finishReason,
    model: model.slice(0, MAX_WORDS_CHARS),
    promptTokens,
    completionTokens,
    tokensPerSecond,
    ...(typeof fallbackTemplate === "string" && { fallbackTemplate: fallbackTemplate.slice(0, 100) }),
    ...(hasNewTemplate === true && { hasNewTemplate }),
  };
}

/** Of the details only what `explain` shows is kept: the rest may be of any size and depth. */
function shortenFailure({ code, message, details, retryable }: Failure): Failure {
  const hint = details["install_hint"];
  return {
    code: code.slice(0, MAX_WORDS_CHARS),
    message: message.slice(0, MAX_WORDS_CHARS),
    details: typeof hint === "string" ? { install_hint: hint.slice(0, MAX_WORDS_CHARS) } : {},
    retryable,
  };
}

function shortenAnswer(answer: Answer): Answer {
  return {
    ...answer,
    text: answer.text.slice(0, MAX_TEXT_CHARS),
    reasoning: answer.reasoning.slice(0, MAX_TEXT_CHARS),
    model: answer.model.slice(0, MAX_WORDS_CHARS),
    failure: answer.failure && shortenFailure(answer.failure),
  };
}

type Pair = [Question, Answer];

/** Return the newest questions and answers that fit into `maxChars`. */
function newestPairs(pairs: readonly Pair[], maxChars: number): Pair[] {
  let size = 0;
  const oldest = pairs.findLastIndex(([question, answer]) => {
    size += question.text.length + answer.text.length + answer.reasoning.length;
    return size > maxChars;
  });
  return pairs.slice(Math.max(oldest + 1, pairs.length - MAX_TURNS / 2));
}

/** An answer that nobody is giving any more is interrupted. */
function interrupt(answer: Answer): Answer {
  const failure = localFailure("host_disconnected", "The panel was closed while the answer was being written.");
  return isUnderWay(answer) ? { ...answer, state: "interrupted", failure } : answer;
}

/** Return the questions in `turns`, each with its answer. A question that lost its answer gets an interrupted one. */
function readPairs(turns: readonly unknown[]): Pair[] {
  const ids = new Set<string>();
  const isNew = (id: string): boolean => !ids.has(id) && Boolean(ids.add(id));
  return turns.flatMap((turn, index): Pair[] => {
    const question = readQuestion(turn);
    if (!question || !isNew(question.id)) return [];
    const next = readAnswer(turns[index + 1]);
    const answer = next && isNew(next.id) ? next : newAnswer(crypto.randomUUID(), "");
    return [[question, answer]];
  });
}

/** Return the newest turns that fit into `maxChars` of the browser's storage. */
export function newestTurns(conversation: Conversation, maxChars = MAX_STORED_CHARS): Conversation {
  return newestPairs(readPairs(conversation.slice(-MAX_TURNS)), maxChars).flat();
}

/** Return the stored conversation: questions with their answers, whatever `value` is. */
export function readConversation(value: unknown): Conversation {
  if (!Array.isArray(value)) return [];
  const pairs = readPairs(value.slice(-MAX_TURNS));
  return newestPairs(pairs, MAX_STORED_CHARS).flatMap(([question, answer]) => [question, interrupt(answer)]);
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
    try {
      const stored = await this.#area.get(this.#key);
      return readConversation(stored[this.#key]);
    } catch (error) {
      console.warn("The stored conversation could not be read.", error);
      return [];
    }
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
    const latest = this.#latest;
    this.#latest = null;
    this.#write(newestTurns(latest)).catch(() =>
      // The conversations of other windows may fill the storage: keep the newest part of this one.
      this.#write(newestTurns(latest, MAX_STORED_CHARS / 10)),
    ).catch((error: unknown) => {
      console.warn("The conversation could not be kept.", error);
    });
  }

  #write(conversation: Conversation): Promise<void> {
    return this.#area.set({ [this.#key]: conversation });
  }
}
