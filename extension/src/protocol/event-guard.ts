/**
 * Turns whatever the native port delivered into an event of the protocol, or into null when it is none.
 * Unknown fields are ignored and unknown error codes are let through, so that a newer host keeps working.
 */
import type { Failure } from "../shared/failure";
import { isAmount, isOneOf, isRecord, type JsonRecord } from "../shared/json-shape";
import type { AnyEvent, ErrorEvent, Id, ProgressEvent } from "./messages";

/** An event as it arrives: like `AnyEvent`, but with error codes this version may not know. */
export type HostEvent = Exclude<AnyEvent, ErrorEvent> | { id: Id | null; event: "error"; error: Failure };

type Transfer = Pick<ProgressEvent, "bytes_per_second" | "seconds_left" | "file" | "file_done" | "file_total">;

const STAGES = ["queued", "loading", "prefill", "downloading", "verifying", "measuring", "inferring"] as const satisfies readonly ProgressEvent["stage"][];
const UNITS = ["bytes", "tokens", "requests", "seconds"] as const satisfies readonly ProgressEvent["unit"][];

function isId(value: unknown): value is Id {
  return typeof value === "string" || (typeof value === "number" && Number.isSafeInteger(value));
}

export function parseFailure(value: unknown): Failure | null {
  if (!isRecord(value) || typeof value["code"] !== "string" || typeof value["message"] !== "string") return null;
  return {
    code: value["code"],
    message: value["message"],
    details: isRecord(value["details"]) ? value["details"] : {},
    retryable: value["retryable"] === true,
  };
}

function parseUnaddressed(value: JsonRecord, id: Id | null): HostEvent | null {
  if (value["event"] === "error") {
    const error = parseFailure(value["error"]);
    return error && { id, event: "error", error };
  }
  const { seq, last, data } = value;
  if (value["event"] === "chunk" && isAmount(seq) && typeof last === "boolean" && typeof data === "string") {
    return { id, event: "chunk", seq, last, data };
  }
  return null;
}

/** What was thought beside what was said. Calls of tools are left out: a panel offers none. */
function parseToken({ text, reasoning }: JsonRecord, id: Id): HostEvent | null {
  if (typeof text !== "string") return null;
  return { id, event: "token", text, ...(typeof reasoning === "string" && { reasoning }) };
}

/** What a progress may also tell. A detail that makes no sense is left out; the rest is still of use. */
function parseTransfer(value: JsonRecord): Transfer {
  const { bytes_per_second, seconds_left, file, file_done, file_total } = value;
  return {
    ...(isAmount(bytes_per_second) && { bytes_per_second }),
    ...(isAmount(seconds_left) && { seconds_left }),
    ...(typeof file === "string" && { file }),
    ...(isAmount(file_done) && { file_done }),
    ...(isAmount(file_total) && { file_total }),
  };
}

export function parseEvent(value: unknown): HostEvent | null {
  if (!isRecord(value)) return null;
  const id = value["id"];
  if (id === null) return parseUnaddressed(value, null);
  if (!isId(id)) return null;

  switch (value["event"]) {
    case "token":
      return parseToken(value, id);
    case "done":
      return isRecord(value["result"]) ? { id, event: "done", result: value["result"] } : null;
    case "cancelled":
      return { id, event: "cancelled" };
    case "progress": {
      const { stage, done, total, unit } = value;
      if (!isOneOf(stage, STAGES) || !isOneOf(unit, UNITS) || !isAmount(done) || !isAmount(total)) return null;
      return { id, event: "progress", stage, done, total, unit, ...parseTransfer(value) };
    }
    default:
      return parseUnaddressed(value, id);
  }
}
