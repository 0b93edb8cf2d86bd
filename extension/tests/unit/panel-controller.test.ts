import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Conversation } from "../../src/sidepanel/state/conversation";
import { PanelController } from "../../src/sidepanel/state/panel-controller";
import { FakePort } from "./fake-port";
import { chatResult, HELLO, MODELS } from "./samples";

interface SentRequest {
  kind: "request" | "cancel" | "reconnect";
  id: number;
  body?: { action: string; model?: string; messages?: unknown[] };
}

let ports: FakePort[];
let saved: Conversation[];
let remembered: string[];
let controller: PanelController;

function port(): FakePort {
  const latest = ports.at(-1);
  if (!latest) throw new Error("The panel did not connect.");
  return latest;
}

function sent(action: string): SentRequest[] {
  return (port().sent as SentRequest[]).filter(({ body }) => body?.action === action);
}

function reply(id: number | undefined, event: Record<string, unknown>): void {
  port().deliver({ kind: "reply", id, reply: event });
}

async function becomeReady(): Promise<void> {
  port().deliver({ kind: "connection", state: { phase: "ready", host: HELLO } });
  reply(sent("list_models").at(-1)?.id, { event: "done", result: { models: MODELS } });
  await vi.advanceTimersByTimeAsync(0);
}

function answer(): unknown {
  return controller.store.get().conversation.at(-1);
}

function create(rememberedModel: string | null = null): void {
  controller = new PanelController({
    connect: () => {
      const created = new FakePort();
      ports.push(created);
      return created;
    },
    conversation: [],
    style: { system: "Be brief.", options: { temperature: 0 } },
    rememberedModel,
    rememberModel: (name) => remembered.push(name),
    saveConversation: (conversation) => saved.push(conversation),
    schedule: (notify) => {
      notify();
    },
  });
  controller.start();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  ports = [];
  saved = [];
  remembered = [];
  create();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the model", () => {
  it("is the host's default at first", async () => {
    await becomeReady();
    expect(controller.store.get()).toMatchObject({ model: "small", models: MODELS });
  });

  it("is the one chosen last time, if it is still there", async () => {
    create("big");
    await becomeReady();
    expect(controller.store.get().model).toBe("big");
    create("deleted");
    await becomeReady();
    expect(controller.store.get().model).toBe("small");
  });

  it("is remembered when it is chosen", async () => {
    await becomeReady();
    controller.selectModel("big");
    controller.ask("hi");
    expect(remembered).toEqual(["big"]);
    expect(sent("chat")[0]?.body?.model).toBe("big");
  });
});

describe("a question", () => {
  it("is not taken before the host is ready, nor when it is blank", async () => {
    expect(controller.ask("hi")).toBe(false);
    await becomeReady();
    expect(controller.ask(" \n")).toBe(false);
    expect(controller.store.get().conversation).toEqual([]);
  });

  it("is sent with the whole conversation, the system message and the options", async () => {
    await becomeReady();
    controller.ask("one");
    reply(sent("chat")[0]?.id, { event: "done", result: chatResult("Two.") });
    controller.ask("three");
    expect(sent("chat")[1]?.body).toEqual({
      action: "chat",
      model: "small",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "one" },
        { role: "assistant", content: "Two." },
        { role: "user", content: "three" },
      ],
      options: { temperature: 0 },
    });
  });

  it("waits for the answer before it", async () => {
    await becomeReady();
    controller.ask("one");
    expect(controller.ask("two")).toBe(false);
  });

  it("shows progress until the first token", async () => {
    await becomeReady();
    controller.ask("one");
    const id = sent("chat")[0]?.id;
    reply(id, { event: "progress", stage: "prefill", done: 1, total: 4, unit: "tokens" });
    expect(controller.store.get().progress).toMatchObject({ stage: "prefill", done: 1, total: 4 });
    reply(id, { event: "token", text: "A" });
    expect(controller.store.get().progress).toBeNull();
    expect(answer()).toMatchObject({ state: "streaming", text: "A" });
  });

  it("shows what is thought, keeps it, and does not send it back", async () => {
    await becomeReady();
    controller.ask("one");
    const id = sent("chat")[0]?.id;
    reply(id, { event: "progress", stage: "prefill", done: 1, total: 4, unit: "tokens" });
    reply(id, { event: "token", text: "", reasoning: "Hm" });
    expect(controller.store.get().progress).toBeNull();
    expect(answer()).toMatchObject({ state: "streaming", text: "", reasoning: "Hm" });
    reply(id, { event: "token", text: "Two" });
    expect(answer()).toMatchObject({ text: "Two", reasoning: "Hm" });
    reply(id, { event: "done", result: chatResult("Two.", "Hm.") });
    expect(saved.at(-1)?.at(-1)).toMatchObject({ text: "Two.", reasoning: "Hm." });
    controller.ask("three");
    expect(JSON.stringify(sent("chat")[1]?.body)).not.toContain("Hm");
  });

  it("is saved as its answer grows", async () => {
    await becomeReady();
    controller.ask("one");
    reply(sent("chat")[0]?.id, { event: "token", text: "A" });
    expect(saved.at(-1)).toEqual(controller.store.get().conversation);
  });
});

describe("an answer", () => {
  let id: number | undefined;

  beforeEach(async () => {
    await becomeReady();
    controller.ask("one");
    id = sent("chat")[0]?.id;
    reply(id, { event: "token", text: "Par" });
  });

  it("that is stopped is cancelled at the host and keeps its part", () => {
    controller.stop();
    expect(port().sent.at(-1)).toEqual({ kind: "cancel", id });
    reply(id, { event: "token", text: "t" });
    reply(id, { event: "cancelled" });
    expect(answer()).toMatchObject({ state: "stopped", text: "Par" });
  });

  it("is interrupted when the service worker stops, and can be asked for again after it is back", async () => {
    port().drop();
    expect(answer()).toMatchObject({ state: "interrupted", text: "Par" });
    expect(controller.store.get().connection.phase).toBe("connecting");
    await vi.advanceTimersByTimeAsync(250);
    expect(ports).toHaveLength(2);
    await becomeReady();
    controller.retry();
    reply(sent("chat")[0]?.id, { event: "done", result: chatResult("Whole.") });
    expect(answer()).toMatchObject({ state: "complete", text: "Whole." });
  });

  it.each([
    ["host_disconnected", "interrupted"],
    ["broker_lost", "interrupted"],
    ["engine_crashed", "failed"],
    ["some_new_code", "failed"],
  ])("that ends with %s is %s", (code, state) => {
    reply(id, { event: "error", error: { code, message: "m", details: {}, retryable: true } });
    expect(answer()).toMatchObject({ state, text: "Par", failure: { code } });
  });

  it("whose end cannot be understood has failed, and keeps its part", () => {
    reply(id, { event: "done", result: { text: 5 } });
    expect(answer()).toMatchObject({ state: "failed", text: "Par", failure: { code: "host_unintelligible" } });
  });

  it("is given up for a new conversation", () => {
    controller.startNewConversation();
    reply(id, { event: "token", text: "late" });
    expect(controller.store.get().conversation).toEqual([]);
    expect(port().sent.at(-1)).toEqual({ kind: "cancel", id });
  });
});

it("waits longer each time the service worker cannot be reached", async () => {
  for (const wait of [250, 500, 1000]) {
    port().drop();
    const before = ports.length;
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(ports).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(ports).toHaveLength(before + 1);
  }
});

describe("a conversation that does not fit", () => {
  const TOO_LONG = { event: "error", error: { code: "context_overflow", message: "m", details: {}, retryable: false } };

  function contents(): unknown[] {
    return (sent("chat").at(-1)?.body?.messages ?? []).slice(1).map((message) => (message as { content: string }).content);
  }

  it("h4: is asked again without its oldest messages, and says so", async () => {
    await becomeReady();
    for (const text of ["one", "two"]) {
      controller.ask(text);
      reply(sent("chat").at(-1)?.id, { event: "done", result: chatResult(`${text}!`) });
    }
    controller.ask("three");
    reply(sent("chat").at(-1)?.id, TOO_LONG);
    expect(contents()).toEqual(["two", "two!", "three"]);
    reply(sent("chat").at(-1)?.id, TOO_LONG);
    reply(sent("chat").at(-1)?.id, { event: "done", result: chatResult("3") });
    expect(answer()).toMatchObject({ state: "complete", isShortened: true });
  });

  it("h4: a question too long alone is refused, and can be edited while the next one works", async () => {
    await becomeReady();
    controller.ask("long");
    reply(sent("chat").at(-1)?.id, TOO_LONG);
    expect(answer()).toMatchObject({ state: "failed" });
    const { id } = answer() as { id: string };
    controller.ask("hi");
    expect(contents()).toEqual(["hi"]);
    reply(sent("chat").at(-1)?.id, { event: "done", result: chatResult("Hello") });
    controller.edit(id);
    expect(controller.store.get().draft).toEqual({ text: "long" });
    expect(controller.store.get().conversation).toHaveLength(2);
  });
});
