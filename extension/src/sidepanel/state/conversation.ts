/**
 * The conversation as data, and every change it can go through. Nothing here knows the browser.
 *
 *   waiting ──token──▶ streaming ──▶ complete | stopped | interrupted | failed ──retried──▶ waiting
 */
import type { AnswerSummary } from "../../protocol/result-guards";
import type { Failure } from "../../shared/failure";

export interface Question {
  role: "user";
  id: string;
  text: string;
}

export type AnswerState = "waiting" | "streaming" | "complete" | "stopped" | "interrupted" | "failed";

export interface Answer {
  role: "assistant";
  id: string;
  text: string;
  /** What the model thought before it answered: shown, and never sent back. */
  reasoning: string;
  state: AnswerState;
  /** The model that was asked. */
  model: string;
  /** Counts and speed of a complete answer. What it says and thought is not kept twice. */
  summary: Omit<AnswerSummary, "text" | "reasoning"> | null;
  /** Why it is interrupted or failed. */
  failure: Failure | null;
  /** The oldest messages were left out of the request, since they did not fit. */
  isShortened?: boolean;
}

export type Turn = Question | Answer;
export type Conversation = readonly Turn[];

export type ConversationChange =
  | { type: "asked"; question: { id: string; text: string }; answer: { id: string; model: string } }
  | { type: "token"; id: string; text: string; reasoning: string }
  | { type: "finished"; id: string; summary: AnswerSummary }
  | { type: "stopped"; id: string }
  | { type: "interrupted" | "failed"; id: string; failure: Failure }
  | { type: "retried"; id: string; model: string }
  /** Removes a question and its answer; `id` is the answer's. */
  | { type: "dropped"; id: string }
  /** The answer is asked for without the oldest messages. */
  | { type: "shortened"; id: string }
  | { type: "cleared" };

export function isUnderWay(turn: Turn | undefined): boolean {
  return turn?.role === "assistant" && (turn.state === "waiting" || turn.state === "streaming");
}

/** Return True if a question was refused: its answer failed before the first word. */
export function isRefused(turn: Turn | undefined): boolean {
  return turn?.role === "assistant" && turn.state === "failed" && turn.text.trim() === "";
}

/** Return True if a question has no whole answer, so that the person may want to edit or remove it. */
export function isUnanswered(answer: Answer): boolean {
  return !isUnderWay(answer) && (answer.failure !== null || answer.text.trim() === "");
}

/** Return the question that an answer belongs to. */
export function questionOf(conversation: Conversation, answerId: string): Question | null {
  const question = conversation[conversation.findIndex(({ id }) => id === answerId) - 1];
  return question?.role === "user" ? question : null;
}

/** Nothing has been said yet, but thought. */
export function isThinking({ state, text, reasoning }: Answer): boolean {
  return state === "streaming" && text.trim() === "" && reasoning.trim() !== "";
}

export function lastAnswer(conversation: Conversation): Answer | null {
  const last = conversation.at(-1);
  return last?.role === "assistant" ? last : null;
}

export function newAnswer(id: string, model: string): Answer {
  return { role: "assistant", id, text: "", reasoning: "", state: "waiting", model, summary: null, failure: null };
}

function changeAnswer(conversation: Conversation, id: string, change: (answer: Answer) => Answer): Conversation {
  return conversation.map((turn) => (turn.role === "assistant" && turn.id === id ? change(turn) : turn));
}

/** Changes an answer that is still being given; one that has ended stays as it ended. */
function advance(conversation: Conversation, id: string, change: (answer: Answer) => Partial<Answer>): Conversation {
  return changeAnswer(conversation, id, (answer) => (isUnderWay(answer) ? { ...answer, ...change(answer) } : answer));
}

export function changeConversation(conversation: Conversation, change: ConversationChange): Conversation {
  switch (change.type) {
    case "asked":
      return [
        ...conversation,
        { role: "user", ...change.question },
        newAnswer(change.answer.id, change.answer.model),
      ];
    case "token":
      return advance(conversation, change.id, ({ text, reasoning }) => ({
        state: "streaming",
        text: text + change.text,
        reasoning: reasoning + change.reasoning,
      }));
    case "finished": {
      const { text, reasoning, ...summary } = change.summary;
      return advance(conversation, change.id, () => ({ state: "complete", text, reasoning, summary }));
    }
    case "stopped":
      return advance(conversation, change.id, () => ({ state: "stopped" }));
    case "interrupted":
    case "failed":
      return advance(conversation, change.id, () => ({ state: change.type, failure: change.failure }));
    case "retried":
      return changeAnswer(conversation, change.id, ({ id }) => newAnswer(id, change.model));
    case "dropped": {
      const question = questionOf(conversation, change.id);
      return conversation.filter((turn) => turn.id !== change.id && turn !== question);
    }
    case "shortened":
      return advance(conversation, change.id, () => ({ isShortened: true }));
    case "cleared":
      return [];
  }
}
