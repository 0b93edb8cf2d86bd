/**
 * The messages of PROTOCOL.md, version 1, as JSON Schema of the pydantic models in native_host/protocol/messages.py
 * gives them. Types only: what arrives over a port is checked in event-guard.ts and result-guards.ts before it is one.
 */

export type Id = number | string;

export type ErrorCode =
  | "frame_too_large"
  | "request_too_large"
  | "bad_utf8"
  | "bad_json"
  | "too_deep"
  | "duplicate_key"
  | "bad_request"
  | "duplicate_id"
  | "unknown_action"
  | "bad_param"
  | "busy"
  | "version_mismatch"
  | "model_not_found"
  | "model_corrupt"
  | "unsupported_format"
  | "unsupported_architecture"
  | "engine_unavailable"
  | "insufficient_memory"
  | "out_of_memory"
  | "load_failed"
  | "model_unloaded"
  | "context_overflow"
  | "template_error"
  | "template_timeout"
  | "generation_failed"
  | "engine_crashed"
  | "engine_timeout"
  | "engine_quarantined"
  | "broker_unavailable"
  | "broker_lost"
  | "shutting_down"
  | "internal_error";

/** How a model is loaded. `context_length` defaults to the model's own, at most 8192. */
export interface LoadOptions {
  context_length?: number | null;
  gpu_layers?: number;
  mlock?: boolean;
  keep_alive?: number | null;
}

/** How an answer is sampled, and how the model is loaded if it is not yet. */
export interface GenerateOptions {
  context_length?: number | null;
  gpu_layers?: number;
  mlock?: boolean;
  keep_alive?: number | null;
  max_tokens?: number;
  temperature?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
  repeat_penalty?: number;
  seed?: number | null;
  stop?: string[];
}

/** One turn. `content` is data: nothing in it is a control token. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Who is asking, for the log. */
export interface ClientInfo {
  name?: string;
  version?: string;
}

/** Agree on a protocol version and learn what the host can do. */
export interface HelloRequest {
  id: Id;
  action: "hello";
  protocol?: number;
  client?: ClientInfo;
}

/** What is loaded and running. */
export interface StatusRequest {
  id: Id;
  action: "status";
}

/** What this machine is, and which CPU variant serves. */
export interface HardwareRequest {
  id: Id;
  action: "hardware";
}

/** The models that are on disk. */
export interface ListModelsRequest {
  id: Id;
  action: "list_models";
}

/** Load a model and keep it. */
export interface LoadModelRequest {
  id: Id;
  action: "load_model";
  model: string;
  engine?: string;
  options?: LoadOptions;
}

/** End a model's worker, which gives its memory back. */
export interface UnloadModelRequest {
  id: Id;
  action: "unload_model";
  model: string;
}

/** Continue a prompt, token by token. */
export interface GenerateRequest {
  id: Id;
  action: "generate";
  model: string;
  prompt: string;
  engine?: string;
  options?: GenerateOptions;
}

/** Answer a conversation, token by token. */
export interface ChatRequest {
  id: Id;
  action: "chat";
  model: string;
  messages: ChatMessage[];
  engine?: string;
  options?: GenerateOptions;
}

/** Text as the model's tokens. */
export interface TokenizeRequest {
  id: Id;
  action: "tokenize";
  model: string;
  text: string;
  engine?: string;
  special?: boolean;
  add_special?: boolean;
  options?: LoadOptions;
}

/** Stop another request of this connection. */
export interface CancelRequest {
  id: Id;
  action: "cancel";
  target: Id;
}

export type AnyRequest =
  | HelloRequest
  | StatusRequest
  | HardwareRequest
  | ListModelsRequest
  | LoadModelRequest
  | UnloadModelRequest
  | GenerateRequest
  | ChatRequest
  | TokenizeRequest
  | CancelRequest;

/** An engine as its descriptor tells it. */
export interface EngineInfo {
  name: string;
  language: "rust" | "python";
  formats: string[];
  tasks: string[];
  capabilities: string[];
  available: boolean;
  install_hint: string;
}

/** What a client must stay under. */
export interface Limits {
  max_request_bytes: number;
  max_in_flight: number;
}

/** Answer to `hello`. */
export interface HelloResult {
  protocol: number;
  version: string;
  actions: string[];
  engines: EngineInfo[];
  limits: Limits;
  default_model: string | null;
}

/** A model on disk. */
export interface ModelEntry {
  name: string;
  path: string;
  format: string;
  size_bytes: number;
  source: string;
  loaded: boolean;
}

/** Answer to `list_models`. */
export interface ListModelsResult {
  models: ModelEntry[];
}

/** Tokens. `cached_tokens` of the prompt were already in the KV cache. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cached_tokens: number;
}

/** Where the time of an answer went. */
export interface Timings {
  queue_ms: number;
  load_ms: number;
  prefill_ms: number;
  decode_ms: number;
  time_to_first_token_ms: number;
  prefill_tokens_per_second: number;
  decode_tokens_per_second: number;
}

/** Answer to `generate` and `chat`. */
export interface GenerateResult {
  text: string;
  finish_reason: "stop" | "length";
  model: string;
  engine: string;
  usage: Usage;
  timings: Timings;
}

/** Work before the answer. */
export interface ProgressEvent {
  id: Id;
  event: "progress";
  stage: "queued" | "loading" | "prefill";
  done: number;
  total: number;
  unit: "bytes" | "tokens" | "requests";
}

/** The next piece of the answer, always whole code points. */
export interface TokenEvent {
  id: Id;
  event: "token";
  text: string;
}

/** A part of a message above 1 MiB. */
export interface ChunkEvent {
  id: Id | null;
  event: "chunk";
  seq: number;
  last: boolean;
  data: string;
}

/** The request succeeded. */
export interface DoneEvent {
  id: Id;
  event: "done";
  result: Record<string, unknown>;
}

/** Why a request failed. */
export interface ErrorInfo {
  code: ErrorCode;
  message: string;
  details: Record<string, unknown>;
  retryable: boolean;
}

/** The request failed; without an id, what arrived was no request. */
export interface ErrorEvent {
  id: Id | null;
  event: "error";
  error: ErrorInfo;
}

/** The request was stopped by `cancel`. */
export interface CancelledEvent {
  id: Id;
  event: "cancelled";
}

export type AnyEvent = ProgressEvent | TokenEvent | ChunkEvent | DoneEvent | ErrorEvent | CancelledEvent;
