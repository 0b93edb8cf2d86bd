/** What a person reads: about the connection, about a failure, and in the status line. */
import { describe, expect, it } from "vitest";
import type { LocalErrorCode } from "../../src/shared/failure";
import { localFailure } from "../../src/shared/failure";
import type { ConnectionState } from "../../src/shared/panel-messages";
import type { Conversation } from "../../src/sidepanel/state/conversation";
import type { PanelState } from "../../src/sidepanel/state/panel-state";
import { connectionProblem, explain } from "../../src/sidepanel/state/problem";
import { describeStatus } from "../../src/sidepanel/state/status";
import { HELLO } from "./samples";

const READY = { phase: "ready", host: HELLO } as unknown as ConnectionState;

describe("a failure", () => {
  it.each([
    ["host_not_found", "tabagent install"],
    ["host_forbidden", "tabagent install --extension-id abcdef"],
    ["host_exited", "tabagent status"],
  ] as const)("%s comes with the command %s", (code, command) => {
    const explanation = explain(localFailure(code, "m"), "abcdef", "connection");
    expect(explanation.command).toBe(command);
    expect(explanation.title).not.toBe("");
    expect(explanation.text).not.toBe("");
  });

  it("of the host is shown in the host's words, with its hint", () => {
    const failure = { code: "engine_unavailable", message: "Not here.", details: { install_hint: "pip install x" }, retryable: false };
    expect(explain(failure, "id", "answer")).toMatchObject({ text: "Not here.", command: "pip install x" });
  });

  it("that cut something off says what", () => {
    const failure = localFailure("host_disconnected", "m");
    expect(explain(failure, "id", "answer").title).toBe("The answer was interrupted");
    expect(explain(failure, "id", "download").title).toBe("The download was interrupted");
  });

  it("of an unknown kind is shown too", () => {
    expect(explain({ code: "brand_new", message: "Hm.", details: {}, retryable: false }, "id", "answer").text).toBe("Hm.");
  });
});

describe("a connection problem", () => {
  const lost = (code: LocalErrorCode, failures: number): ConnectionState => ({ phase: "lost", problem: localFailure(code, "m"), failures });

  it("is shown at once when only a person can solve it", () => {
    expect(connectionProblem(lost("host_not_found", 1))?.code).toBe("host_not_found");
    expect(connectionProblem({ phase: "refused", problem: localFailure("version_mismatch", "m") })?.code).toBe("version_mismatch");
  });

  it("is kept quiet while a reconnect may solve it, and shown when it does not", () => {
    expect(connectionProblem(lost("host_exited", 2))).toBeNull();
    expect(connectionProblem(lost("host_exited", 3))?.code).toBe("host_exited");
  });

  it("is over when the host is ready", () => {
    expect(connectionProblem(READY)).toBeNull();
  });
});

describe("the status line", () => {
  function status(change: Partial<PanelState>): { text: string; fraction: number | null } {
    return describeStatus({ connection: READY, models: [], model: "small", conversation: [], draft: null, progress: null, ...change });
  }
  const answering = (state: "waiting" | "streaming", reasoning = "", text = ""): Conversation => [
    { role: "assistant", id: "1", text, reasoning, state, model: "small", summary: null, failure: null },
  ];

  it("speaks of the connection before all else", () => {
    expect(status({ connection: { phase: "connecting", problem: null, failures: 0 }, conversation: answering("streaming") }).text).toBe("Connecting…");
  });

  it("tells how far loading and reading are", () => {
    const conversation = answering("waiting");
    expect(status({ conversation, progress: { stage: "loading", done: 1, total: 4 } })).toMatchObject({ text: "Loading small, 25%", fraction: 0.25 });
    expect(status({ conversation, progress: { stage: "loading", done: 0, total: 0 } })).toMatchObject({ text: "Loading small…", fraction: null });
    expect(status({ conversation, progress: { stage: "downloading", done: 1, total: 4 } }).text).toBe("Downloading, 25%");
    expect(status({ conversation, progress: { stage: "verifying", done: 1, total: 2 } }).text).toBe("Checking the files, 50%");
    expect(status({ conversation, progress: { stage: "measuring", done: 1, total: 2 } }).text).toBe("Measuring, 1 of 2");
    expect(status({ conversation, progress: { stage: "prefill", done: 512, total: 2048 } }).text).toBe("Reading, 512 of 2,048 tokens");
    expect(status({ conversation, progress: { stage: "queued", done: 0, total: 2 } }).text).toBe("Waiting for its turn, 2 ahead…");
  });

  it("tells thinking from writing", () => {
    expect(status({ conversation: answering("streaming", "Hm") }).text).toBe("Thinking…");
    expect(status({ conversation: answering("streaming", "Hm", "A") }).text).toBe("Writing…");
    expect(status({ conversation: answering("streaming") }).text).toBe("Writing…");
  });

  it("ends with counts and speed", () => {
    const summary = { finishReason: "stop", model: "small", promptTokens: 1200, completionTokens: 34, tokensPerSecond: 48.27 } as const;
    const conversation: Conversation = [
      { role: "assistant", id: "1", text: "x", reasoning: "", state: "complete", model: "small", summary, failure: null },
    ];
    expect(status({ conversation }).text).toBe("1,200 → 34 tokens · 48.3 tok/s");
  });
});
