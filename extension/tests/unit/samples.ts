/** Messages of a host as PROTOCOL.md describes them. */
export const HELLO = {
  protocol: 1,
  version: "0.1.0",
  actions: ["hello", "chat", "list_models", "cancel"],
  engines: [
    { name: "llama-cpp", language: "rust", formats: ["gguf"], tasks: ["chat"], capabilities: [], available: true, install_hint: "" },
  ],
  limits: { max_request_bytes: 16_777_216, max_in_flight: 64 },
  default_model: "small",
};

export const MODELS = [
  { name: "big", path: "/models/big.gguf", format: "gguf", size_bytes: 4e8, source: "library", loaded: false },
  { name: "small", path: "/models/small.gguf", format: "gguf", size_bytes: 1e8, source: "library", loaded: true },
];

export const PULLED = {
  model: "org/tiny-GGUF:Q4_0",
  path: "/cache/tiny-Q4_0.gguf",
  repo: "org/tiny-GGUF",
  commit: "0123456789abcdef0123456789abcdef01234567",
  size_bytes: 3e6,
};

export function chatResult(text: string, reasoning = ""): Record<string, unknown> {
  return {
    text,
    reasoning,
    tool_calls: [],
    finish_reason: "stop",
    stop_sequence: null,
    model: "small",
    engine: "llama-cpp",
    usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, cached_tokens: 0 },
    timings: {
      queue_ms: 0,
      load_ms: 0,
      prefill_ms: 5,
      decode_ms: 60,
      time_to_first_token_ms: 6,
      prefill_tokens_per_second: 2400,
      decode_tokens_per_second: 50.04,
    },
  };
}
