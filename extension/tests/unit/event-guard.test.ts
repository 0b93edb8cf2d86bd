import { describe, expect, it } from "vitest";
import { parseEvent } from "../../src/protocol/event-guard";
import { readAnswer, readPullModelResult } from "../../src/protocol/result-guards";
import { chatResult, PULLED } from "./samples";

describe("a token", () => {
  const plain = { id: 1, event: "token", text: "Par" };

  it("comes through with what was thought", () => {
    expect(parseEvent({ ...plain, text: "", reasoning: "Hm" })).toEqual({ ...plain, text: "", reasoning: "Hm" });
  });

  it("comes through without thoughts where they are null, missing or senseless", () => {
    for (const reasoning of [null, undefined, 5, {}, ["x"]]) expect(parseEvent({ ...plain, reasoning })).toStrictEqual(plain);
  });

  it("is none without text", () => {
    for (const text of [null, undefined, 5]) expect(parseEvent({ ...plain, reasoning: "Hm", text })).toBeNull();
  });
});

describe("the result of an answer", () => {
  it("has what was said and thought", () => {
    expect(readAnswer(chatResult("Paris.", "Hm."))).toMatchObject({ text: "Paris.", reasoning: "Hm." });
  });

  it("has no thoughts where they are missing or senseless", () => {
    for (const reasoning of [undefined, null, 5]) {
      expect(readAnswer({ ...chatResult("Paris."), reasoning })).toMatchObject({ text: "Paris.", reasoning: "" });
    }
  });
});

describe("progress", () => {
  const plain = { id: 1, event: "progress", stage: "downloading", done: 1, total: 4, unit: "bytes" };
  const transfer = { bytes_per_second: 2.5, seconds_left: 0, file: "a.gguf", file_done: 1, file_total: 3 };

  it("comes through with what it tells of a download", () => {
    expect(parseEvent({ ...plain, ...transfer })).toEqual({ ...plain, ...transfer });
  });

  it.each(Object.keys(transfer))("comes through without %s where that is null, missing or senseless", (key) => {
    const rest = Object.fromEntries(Object.entries(transfer).filter(([name]) => name !== key));
    for (const value of [null, undefined, {}, -1, Number.NaN, ["x"]]) {
      expect(parseEvent({ ...plain, ...transfer, [key]: value })).toStrictEqual({ ...plain, ...rest });
    }
  });

  it("is none without its stage, amounts or unit", () => {
    for (const key of ["stage", "done", "total", "unit"]) expect(parseEvent({ ...plain, [key]: "odd" })).toBeNull();
  });
});

describe("the result of a download", () => {
  it("is what the protocol says", () => {
    expect(readPullModelResult({ ...PULLED, new_field: 1 })).toEqual(PULLED);
  });

  it.each(Object.keys(PULLED))("is none without %s", (key) => {
    expect(readPullModelResult({ ...PULLED, [key]: null })).toBeNull();
  });
});
