import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HostConnection } from "../../src/background/host-connection";
import type { Failure } from "../../src/shared/failure";
import type { ConnectionState } from "../../src/shared/panel-messages";
import { FakePort } from "./fake-port";
import { HELLO } from "./samples";

let ports: FakePort[];
let states: ConnectionState[];
let events: unknown[];
let lost: Failure[];
let disconnectMessage: string | undefined;
let connection: HostConnection;

function latestPort(): FakePort {
  const port = ports.at(-1);
  if (!port) throw new Error("No port was opened.");
  return port;
}

function answerHello(result: unknown = HELLO): void {
  latestPort().deliver({ id: 0, event: "done", result });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  ports = [];
  states = [];
  events = [];
  lost = [];
  disconnectMessage = "Native host has exited.";
  connection = new HostConnection({
    connectNative: () => {
      const port = new FakePort();
      ports.push(port);
      return port;
    },
    disconnectMessage: () => disconnectMessage,
    clientVersion: "9.9.9",
    onState: (state) => states.push(state),
    onEvent: (event) => events.push(event),
    onRequestsLost: (reason) => lost.push(reason),
  });
  connection.start();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("hello", () => {
  it("is the first and only thing that is sent", () => {
    expect(latestPort().sent).toEqual([
      { id: 0, action: "hello", protocol: 1, client: { name: "tabagent-extension", version: "9.9.9" } },
    ]);
    expect(states).toEqual([{ phase: "connecting", problem: null, failures: 0 }]);
  });

  it("makes the connection ready and exposes what the host is", () => {
    answerHello();
    expect(connection.state).toMatchObject({ phase: "ready", host: { version: "0.1.0", default_model: "small" } });
  });

  it("is not sent twice by a second start", () => {
    connection.start();
    expect(ports).toHaveLength(1);
  });

  it.each([{ event: "done", result: { ...HELLO, protocol: 2 } }, { event: "error", error: { code: "version_mismatch", message: "no" } }])(
    "that finds no common protocol ends in refused, without another try",
    (answer) => {
      latestPort().deliver({ id: 0, ...answer });
      expect(connection.state).toMatchObject({ phase: "refused", problem: { code: "version_mismatch" } });
      expect(latestPort().isClosed).toBe(true);
      vi.advanceTimersByTime(60_000);
      expect(ports).toHaveLength(1);
      connection.retryNow();
      expect(ports).toHaveLength(2);
    },
  );

  it("that makes no sense is a problem of its own", () => {
    answerHello({ hi: true });
    expect(connection.state).toMatchObject({ phase: "lost", problem: { code: "host_unintelligible" } });
  });

  it("that is never answered gives the host up after 15 s", () => {
    vi.advanceTimersByTime(14_999);
    expect(connection.state?.phase).toBe("connecting");
    vi.advanceTimersByTime(1);
    expect(connection.state).toMatchObject({ phase: "lost", problem: { code: "host_silent" } });
    expect(ports[0]?.isClosed).toBe(true);
  });
});

describe("a closed port", () => {
  it("is opened again after 0.25 s, and then after twice as long each time up to 8 s", () => {
    const waits = [250, 500, 1000, 2000, 4000, 8000, 8000];
    for (const wait of waits) {
      latestPort().drop();
      const before = ports.length;
      vi.advanceTimersByTime(wait - 1);
      expect(ports).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(ports).toHaveLength(before + 1);
    }
  });

  it("does not start the waits anew for a host that dies right after hello", () => {
    answerHello();
    latestPort().drop();
    vi.advanceTimersByTime(250);
    answerHello();
    latestPort().drop();
    expect(connection.state).toMatchObject({ phase: "lost", failures: 2 });
  });

  it("starts the waits anew after a connection that lasted", () => {
    latestPort().drop();
    vi.advanceTimersByTime(250);
    answerHello();
    vi.advanceTimersByTime(10_000);
    latestPort().drop();
    expect(connection.state).toMatchObject({ phase: "lost", failures: 1 });
  });

  it("ends the requests with the browser's reason", () => {
    answerHello();
    latestPort().drop();
    expect(lost).toMatchObject([{ code: "host_exited" }]);
  });

  it("prefers the host's own last words", () => {
    latestPort().deliver({ id: null, event: "error", error: { code: "internal_error", message: "Out of file handles." } });
    latestPort().drop();
    expect(connection.state).toMatchObject({ problem: { code: "host_exited", message: "Out of file handles." } });
  });

  it("keeps its problem in view while the next try is under way", () => {
    disconnectMessage = "Specified native messaging host not found.";
    latestPort().drop();
    vi.advanceTimersByTime(250);
    expect(connection.state).toMatchObject({ phase: "connecting", problem: { code: "host_not_found" } });
  });

  it("is not opened again after stop", () => {
    latestPort().drop();
    connection.stop();
    vi.advanceTimersByTime(60_000);
    expect(ports).toHaveLength(1);
  });

  it("can be opened at once on request", () => {
    latestPort().drop();
    connection.retryNow();
    expect(ports).toHaveLength(2);
    vi.advanceTimersByTime(249);
    expect(ports).toHaveLength(2);
  });
});

describe("events", () => {
  beforeEach(() => {
    answerHello();
  });

  it("are handed on", () => {
    latestPort().deliver({ id: 4, event: "token", text: "hi", extra: 1 });
    expect(events).toEqual([{ id: 4, event: "token", text: "hi" }]);
  });

  it("of no known shape are dropped", () => {
    for (const message of [null, 7, [], {}, { id: 4 }, { id: 4, event: "token", text: 5 }, { id: {}, event: "cancelled" }]) {
      latestPort().deliver(message);
    }
    expect(events).toEqual([]);
  });

  it("are joined from chunks, also when two replies are interleaved", () => {
    const [one, two] = [1, 2].map((id) => JSON.stringify({ id, event: "done", result: { text: `answer ${id}` } }));
    const chunk = (id: number, seq: number, last: boolean, data: string | undefined): void => {
      latestPort().deliver({ id, event: "chunk", seq, last, data });
    };
    chunk(1, 0, false, one?.slice(0, 10));
    chunk(2, 0, false, two?.slice(0, 15));
    chunk(1, 1, true, one?.slice(10));
    expect(events).toEqual([{ id: 1, event: "done", result: { text: "answer 1" } }]);
    chunk(2, 1, true, two?.slice(15));
    expect(events).toHaveLength(2);
  });

  it.each([
    ["out of order", { seq: 1, last: true, data: "{}" }],
    ["no JSON", { seq: 0, last: true, data: "{" }],
    ["of another request", { seq: 0, last: true, data: JSON.stringify({ id: 9, event: "cancelled" }) }],
    ["chunks again", { seq: 0, last: true, data: JSON.stringify({ id: 3, event: "chunk", seq: 0, last: true, data: "" }) }],
  ])("that join to something %s end the request with an error", (_, chunk) => {
    latestPort().deliver({ id: 3, event: "chunk", ...chunk });
    expect(events).toMatchObject([{ id: 3, event: "error", error: { code: "host_unintelligible" } }]);
  });
});
