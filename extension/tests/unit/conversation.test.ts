import { describe, expect, it } from "vitest";
import { readAnswer, type AnswerSummary } from "../../src/protocol/result-guards";
import { localFailure } from "../../src/shared/failure";
import { toChatMessages } from "../../src/sidepanel/state/chat-history";
import { changeConversation, type Conversation, type ConversationChange } from "../../src/sidepanel/state/conversation";
import { readConversation } from "../../src/sidepanel/state/conversation-storage";
import { chatResult } from "./samples";

const FAILURE = localFailure("host_disconnected", "gone");

function summary(text: string): AnswerSummary {
  const answer = readAnswer(chatResult(text));
  if (!answer) throw new Error("The sample is no answer.");
  return answer;
}

function play(...changes: ConversationChange[]): Conversation {
  return changes.reduce<Conversation>(changeConversation, []);
}

function asked(n: number, text = `question ${n}`): ConversationChange {
  return { type: "asked", question: { id: `q${n}`, text }, answer: { id: `a${n}`, model: "small" } };
}

describe("an answer", () => {
  it("waits, streams, and ends with the host's text and figures", () => {
    expect(play(asked(1)).at(-1)).toMatchObject({ state: "waiting", text: "", model: "small" });
    const streaming = play(asked(1), { type: "token", id: "a1", text: "Hel" }, { type: "token", id: "a1", text: "lo" });
    expect(streaming.at(-1)).toMatchObject({ state: "streaming", text: "Hello" });
    const done = changeConversation(streaming, { type: "finished", id: "a1", summary: summary("Hello!") });
    expect(done.at(-1)).toMatchObject({ state: "complete", text: "Hello!", summary: { completionTokens: 3, tokensPerSecond: 50.04 } });
  });

  it.each(["stopped", "interrupted", "failed"] as const)("that is %s keeps what it had, and nothing more is added", (type) => {
    const end = { type, id: "a1", failure: FAILURE } as ConversationChange;
    const ended = play(asked(1), { type: "token", id: "a1", text: "Hel" }, end);
    expect(ended.at(-1)).toMatchObject({ state: type, text: "Hel" });
    expect(changeConversation(ended, { type: "token", id: "a1", text: "lo" })).toEqual(ended);
    expect(changeConversation(ended, { type: "finished", id: "a1", summary: summary("Hello") })).toEqual(ended);
  });

  it("begins anew when it is tried again, with the model of that moment", () => {
    const ended = play(asked(1), { type: "token", id: "a1", text: "Hel" }, { type: "failed", id: "a1", failure: FAILURE });
    const again = changeConversation(ended, { type: "retried", id: "a1", model: "big" });
    expect(again.at(-1)).toEqual({
      role: "assistant", id: "a1", text: "", state: "waiting", model: "big", summary: null, failure: null,
    });
  });

  it("that is not the one meant stays as it is", () => {
    const before = play(asked(1), { type: "stopped", id: "a1" }, asked(2));
    const after = changeConversation(before, { type: "token", id: "a2", text: "x" });
    expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
  });
});

it("a cleared conversation is empty", () => {
  expect(play(asked(1), { type: "cleared" })).toEqual([]);
});

describe("what is sent", () => {
  it("ends with the question and leaves out the answer to come", () => {
    const talk = play(asked(1), { type: "finished", id: "a1", summary: summary("Hello!") }, asked(2));
    expect(toChatMessages(talk)).toEqual([
      { role: "user", content: "question 1" },
      { role: "assistant", content: "Hello!" },
      { role: "user", content: "question 2" },
    ]);
  });

  it("joins a question that was never answered with the next, so that roles alternate", () => {
    const talk = play(asked(1), { type: "failed", id: "a1", failure: FAILURE }, asked(2));
    expect(toChatMessages(talk)).toEqual([{ role: "user", content: "question 1\n\nquestion 2" }]);
  });

  it("has the part of an answer that was stopped", () => {
    const talk = play(asked(1), { type: "token", id: "a1", text: "Hel" }, { type: "stopped", id: "a1" }, asked(2));
    expect(toChatMessages(talk)[1]).toEqual({ role: "assistant", content: "Hel" });
  });

  it("is well-formed Unicode", () => {
    expect(toChatMessages(play(asked(1, "a\ud800b")))).toEqual([{ role: "user", content: "a\ufffdb" }]);
  });
});

describe("what was stored", () => {
  it("comes back as it was", () => {
    const talk = play(asked(1), { type: "finished", id: "a1", summary: summary("Hello!") });
    expect(readConversation(structuredClone(talk))).toEqual(talk);
  });

  it("comes back with an answer under way marked as interrupted", () => {
    const talk = play(asked(1), { type: "token", id: "a1", text: "Hel" });
    expect(readConversation(structuredClone(talk)).at(-1)).toMatchObject({
      state: "interrupted", text: "Hel", failure: { code: "host_disconnected" },
    });
  });

  it.each([undefined, null, "x", {}, [1, null, { role: "user" }, { role: "assistant", id: "1", text: "", state: "odd", model: "m" }]])(
    "and makes no sense is left out: %j",
    (stored) => {
      expect(readConversation(stored)).toEqual([]);
    },
  );
});
