import { describe, expect, it } from "vitest";
import { readAnswer, type AnswerSummary } from "../../src/protocol/result-guards";
import { localFailure } from "../../src/shared/failure";
import { toChatMessages } from "../../src/sidepanel/state/chat-history";
import {
  changeConversation,
  isThinking,
  isUnanswered,
  lastAnswer,
  type Answer,
  type Conversation,
  type ConversationChange,
} from "../../src/sidepanel/state/conversation";
import { readConversation } from "../../src/sidepanel/state/conversation-storage";
import { chatResult } from "./samples";

const FAILURE = localFailure("host_disconnected", "gone");

function summary(text: string, reasoning = ""): AnswerSummary {
  const answer = readAnswer(chatResult(text, reasoning));
  if (!answer) throw new Error("The sample is no answer.");
  return answer;
}

function play(...changes: ConversationChange[]): Conversation {
  return changes.reduce<Conversation>(changeConversation, []);
}

function asked(n: number, text = `question ${n}`): ConversationChange {
  return { type: "asked", question: { id: `q${n}`, text }, answer: { id: `a${n}`, model: "small" } };
}

function said(id: string, text: string): ConversationChange {
  return { type: "token", id, text, reasoning: "" };
}

function thought(id: string, reasoning: string): ConversationChange {
  return { type: "token", id, text: "", reasoning };
}

describe("an answer", () => {
  it("waits, streams, and ends with the host's text and figures", () => {
    expect(play(asked(1)).at(-1)).toMatchObject({ state: "waiting", text: "", model: "small" });
    const streaming = play(asked(1), said("a1", "Hel"), said("a1", "lo"));
    expect(streaming.at(-1)).toMatchObject({ state: "streaming", text: "Hello" });
    const done = changeConversation(streaming, { type: "finished", id: "a1", summary: summary("Hello!") });
    expect(done.at(-1)).toMatchObject({ state: "complete", text: "Hello!", summary: { completionTokens: 3, tokensPerSecond: 50.04 } });
  });

  it("streams as soon as it is thought about, and ends with the host's thoughts", () => {
    const thinking = play(asked(1), thought("a1", "I am "), thought("a1", "asked."));
    expect(thinking.at(-1)).toMatchObject({ state: "streaming", text: "", reasoning: "I am asked." });
    expect(isThinking(lastAnswer(thinking) as Answer)).toBe(true);
    const answering = changeConversation(thinking, said("a1", "Paris"));
    expect(answering.at(-1)).toMatchObject({ state: "streaming", text: "Paris", reasoning: "I am asked." });
    expect(isThinking(lastAnswer(answering) as Answer)).toBe(false);
    const done = changeConversation(answering, { type: "finished", id: "a1", summary: summary("Paris.", "I am asked.\n") });
    expect(done.at(-1)).toMatchObject({ state: "complete", text: "Paris.", reasoning: "I am asked.\n" });
    expect(lastAnswer(done)?.summary).not.toHaveProperty("reasoning");
  });

  it("is not thought about while all of it is white space, nor after it has ended", () => {
    expect(isThinking(lastAnswer(play(asked(1), thought("a1", "\n\n"))) as Answer)).toBe(false);
    expect(isThinking(lastAnswer(play(asked(1), thought("a1", "Hm"), { type: "stopped", id: "a1" })) as Answer)).toBe(false);
    expect(isThinking(lastAnswer(play(asked(1))) as Answer)).toBe(false);
  });

  it.each(["stopped", "interrupted", "failed"] as const)("that is %s keeps what it had, and nothing more is added", (type) => {
    const end = { type, id: "a1", failure: FAILURE } as ConversationChange;
    const ended = play(asked(1), thought("a1", "Hm."), said("a1", "Hel"), end);
    expect(ended.at(-1)).toMatchObject({ state: type, text: "Hel", reasoning: "Hm." });
    expect(changeConversation(ended, said("a1", "lo"))).toEqual(ended);
    expect(changeConversation(ended, { type: "finished", id: "a1", summary: summary("Hello") })).toEqual(ended);
  });

  it("begins anew when it is tried again, with the model of that moment", () => {
    const ended = play(asked(1), thought("a1", "Hm."), said("a1", "Hel"), { type: "failed", id: "a1", failure: FAILURE });
    const again = changeConversation(ended, { type: "retried", id: "a1", model: "big" });
    expect(again.at(-1)).toEqual({
      role: "assistant", id: "a1", text: "", reasoning: "", state: "waiting", model: "big", summary: null, failure: null,
    });
  });

  it("that is not the one meant stays as it is", () => {
    const before = play(asked(1), { type: "stopped", id: "a1" }, asked(2));
    const after = changeConversation(before, said("a2", "x"));
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

  it("joins a question that was stopped before its answer with the next, so that roles alternate", () => {
    const talk = play(asked(1), { type: "stopped", id: "a1" }, asked(2));
    expect(toChatMessages(talk)).toEqual([{ role: "user", content: "question 1\n\nquestion 2" }]);
  });

  it("h4: is not a refused question, but is the question that is tried again", () => {
    const refused = play(asked(1), { type: "failed", id: "a1", failure: FAILURE });
    expect(toChatMessages(changeConversation(refused, asked(2)))).toEqual([{ role: "user", content: "question 2" }]);
    const again = changeConversation(refused, { type: "retried", id: "a1", model: "small" });
    expect(toChatMessages(again)).toEqual([{ role: "user", content: "question 1" }]);
    expect(changeConversation(refused, { type: "dropped", id: "a1" })).toEqual([]);
  });

  it("has the part of an answer that was stopped", () => {
    const talk = play(asked(1), said("a1", "Hel"), { type: "stopped", id: "a1" }, asked(2));
    expect(toChatMessages(talk)[1]).toEqual({ role: "assistant", content: "Hel" });
  });

  it("is what was said, never what was thought", () => {
    const talk = play(asked(1), { type: "finished", id: "a1", summary: summary("Hello!", "A greeting.") }, asked(2));
    expect(toChatMessages(talk)[1]).toEqual({ role: "assistant", content: "Hello!" });
    const cut = play(asked(1), thought("a1", "A gree"), { type: "stopped", id: "a1" }, asked(2));
    expect(toChatMessages(cut)).toEqual([{ role: "user", content: "question 1\n\nquestion 2" }]);
  });

  it("is well-formed Unicode", () => {
    expect(toChatMessages(play(asked(1, "a\ud800b")))).toEqual([{ role: "user", content: "a\ufffdb" }]);
  });
});

describe("what was stored", () => {
  it("comes back as it was", () => {
    const talk = play(asked(1), { type: "finished", id: "a1", summary: summary("Hello!", "A greeting.") });
    expect(talk.at(-1)).toMatchObject({ reasoning: "A greeting." });
    expect(readConversation(structuredClone(talk))).toEqual(talk);
  });

  it("test_h26_ comes back with the template that stood in", () => {
    const answer = readAnswer({ ...chatResult("Hello!"), fallback_template: "chatml" });
    if (!answer) throw new Error("The sample is no answer.");
    const talk = play(asked(1), { type: "finished", id: "a1", summary: answer });
    expect(lastAnswer(readConversation(structuredClone(talk)))?.summary?.fallbackTemplate).toBe("chatml");
    expect(readAnswer({ ...chatResult("Hello!"), fallback_template: null })).not.toHaveProperty("fallbackTemplate");
  });

  it("test_t9_ comes back with the news of another chat template", () => {
    const answer = readAnswer({ ...chatResult("Hello!"), chat_template_changed: true });
    if (!answer) throw new Error("The sample is no answer.");
    const talk = play(asked(1), { type: "finished", id: "a1", summary: answer });
    expect(lastAnswer(readConversation(structuredClone(talk)))?.summary?.hasNewTemplate).toBe(true);
    expect(readAnswer({ ...chatResult("Hello!"), chat_template_changed: "x" })).not.toHaveProperty("hasNewTemplate");
  });

  it("comes back without thoughts where they make no sense", () => {
    const [question, answer] = play(asked(1), { type: "finished", id: "a1", summary: summary("Hello!") });
    for (const reasoning of [undefined, null, 5, {}]) {
      expect(readConversation([question, { ...answer, reasoning }])).toEqual([question, answer]);
    }
  });

  it("comes back with an answer under way marked as interrupted", () => {
    const talk = play(asked(1), said("a1", "Hel"));
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

  it("test_h4_ gives a question that lost its answer one that can be edited or dropped", () => {
    const [question, , second, answer] = play(asked(1), { type: "stopped", id: "a1" }, asked(2), { type: "stopped", id: "a2" });
    const restored = readConversation([question, { role: "assistant" }, second, answer]);
    expect(restored.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    expect(isUnanswered(restored[1] as Answer)).toBe(true);
    expect(changeConversation(restored, { type: "dropped", id: restored[1]?.id ?? "" })).toEqual([second, answer]);
  });
});
