/** Downloads as the panel's controller makes them, beside the conversation. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { DownloadState } from "../../src/sidepanel/state/model-download";
import { PanelController } from "../../src/sidepanel/state/panel-controller";
import { FakePort } from "./fake-port";
import { HELLO, MODELS, PULLED } from "./samples";

interface Sent {
  kind: string;
  id: number;
  body?: { action: string };
}

const ARRIVED = [...MODELS, { ...MODELS[0], name: PULLED.model, path: PULLED.path }];

let port: FakePort;
let remembered: string[];
let controller: PanelController;

function sent(action: string): Sent[] {
  return (port.sent as Sent[]).filter(({ body }) => body?.action === action);
}

function reply(id: number | undefined, event: Record<string, unknown>): void {
  port.deliver({ kind: "reply", id, reply: event });
}

async function list(models: unknown[]): Promise<void> {
  reply(sent("list_models").at(-1)?.id, { event: "done", result: { models } });
  await vi.advanceTimersByTimeAsync(0);
}

function state(): DownloadState {
  return controller.download.store.get();
}

function start(): number | undefined {
  controller.download.open();
  controller.download.start(" org/tiny-GGUF ");
  return sent("pull_model").at(-1)?.id;
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  port = new FakePort();
  remembered = [];
  controller = new PanelController({
    connect: () => port,
    conversation: [],
    style: { system: "", options: {} },
    rememberedModel: null,
    rememberModel: (name) => remembered.push(name),
    saveConversation: () => undefined,
    schedule: (notify) => {
      notify();
    },
  });
  controller.start();
  port.deliver({ kind: "connection", state: { phase: "ready", host: HELLO } });
  await list(MODELS);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("asks for the model by the name that was typed, once", () => {
  start();
  controller.download.start("org/other");
  expect(sent("pull_model").map(({ body }) => body)).toEqual([{ action: "pull_model", model: "org/tiny-GGUF" }]);
  expect(state().download).toEqual({ phase: "running", reference: "org/tiny-GGUF", progress: null });
});

it("asks for nothing by a blank name", () => {
  controller.download.start("  ");
  expect(state().download).toBeNull();
});

it("tells how far it is", () => {
  const id = start();
  reply(id, { event: "progress", stage: "downloading", done: 1, total: 4, unit: "bytes", file: "a.gguf" });
  expect(state().download).toMatchObject({ phase: "running", progress: { done: 1, total: 4, file: "a.gguf" } });
});

it("begins and goes on beside an answer, which keeps its own progress", () => {
  controller.ask("one");
  const id = start();
  reply(id, { event: "progress", stage: "downloading", done: 1, total: 4, unit: "bytes" });
  expect(controller.store.get().progress).toBeNull();
  controller.stop();
  controller.startNewConversation();
  expect(state().download?.phase).toBe("running");
  expect(port.sent).not.toContainEqual({ kind: "cancel", id });
});

it("goes on with the form closed, and is there when it opens again", () => {
  const id = start();
  controller.download.close();
  reply(id, { event: "progress", stage: "downloading", done: 1, total: 4, unit: "bytes" });
  controller.download.open();
  expect(state()).toMatchObject({ isOpen: true, download: { phase: "running", progress: { done: 1 } } });
});

it("ends with the list read again, its model selected and remembered, and the form closed", async () => {
  reply(start(), { event: "done", result: PULLED });
  expect(state()).toEqual({ isOpen: false, download: { phase: "done", reference: "org/tiny-GGUF", model: PULLED.model } });
  expect(controller.store.get().model).toBe("small");
  await list(ARRIVED);
  expect(controller.store.get()).toMatchObject({ model: PULLED.model, models: ARRIVED });
  expect(remembered).toEqual([PULLED.model]);
});

it("selects nothing that the host does not list", async () => {
  reply(start(), { event: "done", result: { ...PULLED, model: "/somewhere/else.gguf" } });
  await list(MODELS);
  expect(controller.store.get().model).toBe("small");
  expect(remembered).toEqual([]);
});

it("that is cancelled is cancelled at the host, and hears no more of it", () => {
  const id = start();
  controller.download.cancel();
  expect(port.sent.at(-1)).toEqual({ kind: "cancel", id });
  reply(id, { event: "done", result: PULLED });
  expect(state()).toEqual({ isOpen: true, download: { phase: "cancelled", reference: "org/tiny-GGUF" } });
  controller.download.cancel();
  expect((port.sent as Sent[]).filter(({ kind }) => kind === "cancel")).toHaveLength(1);
});

it("that fails says why, also where the form was closed", () => {
  const id = start();
  controller.download.close();
  const error = { code: "disk_full", message: "Make room.", details: {}, retryable: true };
  reply(id, { event: "error", error });
  expect(state()).toEqual({ isOpen: true, download: { phase: "failed", reference: "org/tiny-GGUF", failure: error } });
});

it("whose end cannot be understood has failed", () => {
  reply(start(), { event: "done", result: { model: 5 } });
  expect(state().download).toMatchObject({ phase: "failed", failure: { code: "host_unintelligible" } });
});

it("has failed when the service worker stops, and can be begun again", () => {
  start();
  port.drop();
  expect(state().download).toMatchObject({ phase: "failed", failure: { code: "host_disconnected" } });
  controller.download.open();
  expect(state()).toEqual({ isOpen: true, download: null });
});
