/**
 * Checks of the `result` of the actions this extension uses. Each returns the typed result, or null when a field that
 * the extension relies on is missing or of another type.
 */
import { isAmount, isOneOf, isRecord, isStringList } from "../shared/json-shape";
import type { EngineInfo, GenerateResult, HelloResult, ListModelsResult, ModelEntry, PullModelResult } from "./messages";

function isEngineInfo(value: unknown): value is EngineInfo {
  return (
    isRecord(value) &&
    typeof value["name"] === "string" &&
    typeof value["available"] === "boolean" &&
    isStringList(value["formats"]) &&
    isStringList(value["tasks"]) &&
    isStringList(value["capabilities"])
  );
}

export function readHelloResult(value: unknown): HelloResult | null {
  if (!isRecord(value)) return null;
  const { protocol, version, actions, engines, limits, default_model } = value;
  if (!isAmount(protocol) || typeof version !== "string" || !isStringList(actions)) return null;
  if (!Array.isArray(engines) || !engines.every(isEngineInfo)) return null;
  if (!isRecord(limits)) return null;
  const { max_request_bytes, max_in_flight } = limits;
  if (!isAmount(max_request_bytes) || !isAmount(max_in_flight)) return null;
  return {
    protocol,
    version,
    actions,
    engines,
    limits: { max_request_bytes, max_in_flight },
    default_model: typeof default_model === "string" ? default_model : null,
  };
}

function isModelEntry(value: unknown): value is ModelEntry {
  return (
    isRecord(value) &&
    typeof value["name"] === "string" &&
    typeof value["path"] === "string" &&
    typeof value["format"] === "string" &&
    isAmount(value["size_bytes"]) &&
    typeof value["loaded"] === "boolean"
  );
}

/** Entries that are no models are left out; the rest of the list is still of use. */
export function readListModelsResult(value: unknown): ListModelsResult | null {
  if (!isRecord(value) || !Array.isArray(value["models"])) return null;
  return { models: value["models"].filter(isModelEntry) };
}

export function readPullModelResult(value: unknown): PullModelResult | null {
  if (!isRecord(value)) return null;
  const { model, path, repo, commit, size_bytes } = value;
  if (typeof model !== "string" || typeof path !== "string" || typeof repo !== "string") return null;
  if (typeof commit !== "string" || !isAmount(size_bytes)) return null;
  return { model, path, repo, commit, size_bytes };
}

/** The part of an answer's result that the panel keeps. */
export interface AnswerSummary {
  text: string;
  /** What the model thought before; empty where it did not, and from a host that does not tell. */
  reasoning: string;
  finishReason: GenerateResult["finish_reason"];
  model: string;
  promptTokens: number;
  completionTokens: number;
  tokensPerSecond: number;
  /** The template that stood in for the one the model does not carry. */
  fallbackTemplate?: string;
  /** The model had another chat template when it was loaded before. */
  hasNewTemplate?: true;
}

export function readAnswer(value: unknown): AnswerSummary | null {
  if (!isRecord(value)) return null;
  const { text, reasoning, finish_reason, model, usage, timings, fallback_template, chat_template_changed } = value;
  if (typeof text !== "string" || typeof model !== "string") return null;
  if (!isOneOf(finish_reason, ["stop", "length", "tool_calls"] as const) || !isRecord(usage) || !isRecord(timings)) return null;
  const { prompt_tokens, completion_tokens } = usage;
  const { decode_tokens_per_second } = timings;
  if (!isAmount(prompt_tokens) || !isAmount(completion_tokens) || !isAmount(decode_tokens_per_second)) return null;
  return {
    text,
    reasoning: typeof reasoning === "string" ? reasoning : "",
    finishReason: finish_reason,
    model,
    promptTokens: prompt_tokens,
    completionTokens: completion_tokens,
    tokensPerSecond: decode_tokens_per_second,
    ...(typeof fallback_template === "string" && { fallbackTemplate: fallback_template.slice(0, 100) }),
    ...(chat_template_changed === true && { hasNewTemplate: true }),
  };
}
