/** What a person reads about a download. */
import { describe, expect, it } from "vitest";
import { describeDownload } from "../../src/sidepanel/state/download-status";
import { formatBytes, formatRate, formatTime } from "../../src/sidepanel/units";

it.each([
  [0, "0.0 kB"],
  [999, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_960, "1.0 MB"],
  [98_200_000, "98.2 MB"],
  [4.13e9, "4.1 GB"],
  [2e15, "2,000.0 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it("a rate is bytes per second", () => {
  expect(formatRate(12_340_000)).toBe("12.3 MB/s");
});

it.each([
  [0, "1 second"],
  [11.2, "12 seconds"],
  [59.5, "1 minute"],
  [61, "2 minutes"],
  [3601, "61 minutes"],
  [7201, "3 hours"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatTime(seconds)).toBe(text);
});

describe("a download", () => {
  it("has no fraction before the host knows its size", () => {
    const unknown = { fraction: null, amount: "Looking for the model…", pace: "", file: null };
    expect(describeDownload(null)).toEqual(unknown);
    expect(describeDownload({ done: 0, total: 0 })).toEqual(unknown);
  });

  it("tells the amount, the rate and the time left", () => {
    const progress = { done: 25e6, total: 1e8, bytes_per_second: 5e6, seconds_left: 15, file: "a.gguf", file_done: 25e6, file_total: 1e8 };
    expect(describeDownload(progress)).toEqual({
      fraction: 0.25,
      amount: "25.0 MB of 100.0 MB",
      pace: "5.0 MB/s · 15 seconds left",
      file: null,
    });
  });

  it("leaves out what is not known, and the time when all has come", () => {
    expect(describeDownload({ done: 1, total: 2, bytes_per_second: 0 }).pace).toBe("");
    expect(describeDownload({ done: 1, total: 2, seconds_left: 3 }).pace).toBe("3 seconds left");
    expect(describeDownload({ done: 2, total: 2, bytes_per_second: 1000, seconds_left: 0 }).pace).toBe("1.0 kB/s");
  });

  it("of several files tells of the one at hand", () => {
    const progress = { done: 30, total: 100, file: "b.gguf", file_done: 10, file_total: 40 };
    expect(describeDownload(progress).file).toEqual({ name: "b.gguf", fraction: 0.25, percent: "25%" });
    expect(describeDownload({ ...progress, file_done: 0, file_total: 0 }).file).toMatchObject({ fraction: 1 });
  });
});
