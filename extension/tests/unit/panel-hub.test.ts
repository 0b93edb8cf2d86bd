import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PanelHub } from "../../src/background/panel-hub";
import { FakePort } from "./fake-port";
import { HELLO } from "./samples";

let native: FakePort[];
let hub: PanelHub;

function addPanel(): FakePort {
  const panel = new FakePort();
  hub.addPanel(panel);
  return panel;
}

function host(): FakePort {
  const port = native.at(-1);
  if (!port) throw new Error("The host was not connected.");
  return port;
}

function chat(panel: FakePort, id: number, content = "hi"): void {
  panel.deliver({ kind: "request", id, body: { action: "chat", model: "small", messages: [{ role: "user", content }] } });
}

function requests(action: string): { id: number; target?: number }[] {
  return (host().sent as { id: number; action: string }[]).filter((request) => request.action === action);
}

function replies(panel: FakePort): unknown[] {
  return (panel.sent as { kind: string }[]).filter(({ kind }) => kind === "reply");
}

beforeEach(() => {
  vi.useFakeTimers();
  native = [];
  hub = new PanelHub({
    connectNative: () => {
      const port = new FakePort();
      native.push(port);
      return port;
    },
    disconnectMessage: () => "Native host has exited.",
    clientVersion: "0",
  });
});

afterEach(() => {
  vi.useRealTimers();
});

it("connects to the host only when a panel is there, and once for all panels", () => {
  expect(native).toHaveLength(0);
  addPanel();
  addPanel();
  expect(native).toHaveLength(1);
});

it("tells a panel that comes later how things stand", () => {
  addPanel();
  host().deliver({ id: 0, event: "done", result: HELLO });
  expect(addPanel().sent).toMatchObject([{ kind: "connection", state: { phase: "ready" } }]);
});

it("refuses a request while there is no connection", () => {
  const panel = addPanel();
  chat(panel, 1);
  expect(replies(panel)).toMatchObject([{ id: 1, reply: { event: "error", error: { code: "host_disconnected" } } }]);
});

it("lets the host go 3 s after the last panel, and not if one comes back", () => {
  const first = addPanel();
  first.drop();
  vi.advanceTimersByTime(2999);
  const second = addPanel();
  vi.advanceTimersByTime(10_000);
  expect(host().isClosed).toBe(false);
  second.drop();
  vi.advanceTimersByTime(3000);
  expect(host().isClosed).toBe(true);
});

describe("with two panels", () => {
  let one: FakePort;
  let two: FakePort;

  beforeEach(() => {
    one = addPanel();
    two = addPanel();
    host().deliver({ id: 0, event: "done", result: HELLO });
  });

  it("gives equal panel ids different host ids and takes the replies back to whom they belong", () => {
    chat(one, 1);
    chat(two, 1);
    const [a, b] = requests("chat");
    expect(a?.id).not.toBe(b?.id);
    host().deliver({ id: b?.id, event: "token", text: "for two" });
    host().deliver({ id: a?.id, event: "token", text: "for one" });
    expect(replies(one)).toEqual([{ kind: "reply", id: 1, reply: { event: "token", text: "for one" } }]);
    expect(replies(two)).toEqual([{ kind: "reply", id: 1, reply: { event: "token", text: "for two" } }]);
  });

  it("takes thoughts to the panel as they came", () => {
    chat(one, 1);
    host().deliver({ id: requests("chat")[0]?.id, event: "token", text: "", reasoning: "Hm" });
    expect(replies(one)).toEqual([{ kind: "reply", id: 1, reply: { event: "token", text: "", reasoning: "Hm" } }]);
  });

  it("ignores what comes after the last event of a request", () => {
    chat(one, 1);
    const id = requests("chat")[0]?.id;
    host().deliver({ id, event: "cancelled" });
    host().deliver({ id, event: "token", text: "late" });
    expect(replies(one)).toHaveLength(1);
  });

  it("cancels by the host's id, and only the panel's own request", () => {
    chat(one, 1);
    chat(two, 1);
    two.deliver({ kind: "cancel", id: 1 });
    expect(requests("cancel")).toMatchObject([{ target: requests("chat")[1]?.id }]);
  });

  it("cancels what a closed panel asked for", () => {
    chat(one, 1);
    chat(two, 1);
    one.drop();
    expect(requests("cancel")).toMatchObject([{ target: requests("chat")[0]?.id }]);
  });

  it("ends every request in flight when the host goes, and says why", () => {
    chat(one, 1);
    chat(two, 5);
    host().drop();
    const ended = { event: "error", error: { code: "host_disconnected", details: { reason: "host_exited" }, retryable: true } };
    expect(replies(one)).toMatchObject([{ id: 1, reply: ended }]);
    expect(replies(two)).toMatchObject([{ id: 5, reply: ended }]);
  });

  it("does not use an id again after a reconnect", () => {
    chat(one, 1);
    const before = requests("chat")[0]?.id ?? 0;
    host().drop();
    vi.advanceTimersByTime(250);
    host().deliver({ id: 0, event: "done", result: HELLO });
    chat(one, 2);
    expect(requests("chat")[0]?.id).toBeGreaterThan(before);
  });

  it("does not send what the host would drop without an answer", () => {
    chat(one, 1, "x".repeat(HELLO.limits.max_request_bytes));
    expect(requests("chat")).toEqual([]);
    expect(replies(one)).toMatchObject([{ reply: { error: { code: "request_too_large" } } }]);
  });
});
