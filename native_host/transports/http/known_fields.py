"""Names of other servers' fields that cannot be obeyed, and of those that change no answer."""

from __future__ import annotations

from typing import Any

REFUSED: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("frequency_penalty", "presence_penalty", "mirostat", "mirostat_mode", "min_tokens"), (0,)),
    **dict.fromkeys(("dry_multiplier", "xtc_probability", "dynatemp_range", "top_a", "n_probs"), (0,)),
    **dict.fromkeys(("epsilon_cutoff", "eta_cutoff", "smoothing_factor", "no_repeat_ngram_size"), (0,)),
    **dict.fromkeys(("rope_frequency_base", "rope_frequency_scale", "n_keep", "n_indent"), (0,)),
    **dict.fromkeys(("typical_p", "typical", "tfs_z", "tfs", "length_penalty", "best_of", "n"), (1,)),
    **dict.fromkeys(("ignore_eos", "use_beam_search", "early_stopping", "include_stop_str_in_output"), (False,)),
    **dict.fromkeys(
        ("echo", "continue_final_message", "ban_eos_token", "safe_prompt", "shift", "vocab_only"), (False,)
    ),
    **dict.fromkeys(("no_stop_trim", "return_token_ids", "return_tokens", "return_tokens_as_token_ids"), (False,)),
    **dict.fromkeys(("skip_special_tokens", "add_generation_prompt", "penalize_newline"), (True,)),
    **dict.fromkeys(("spaces_between_special_tokens", "detokenize", "add_special_tokens", "add_bos_token"), (True,)),
    **dict.fromkeys(("logit_bias", "web_search_options", "logits_processors", "guided_whitespace_pattern"), ()),
    **dict.fromkeys(("stop_token_ids", "bad_words", "allowed_token_ids", "prompt_logprobs", "max_tool_calls"), ()),
    **dict.fromkeys(("banned_strings", "custom_token_bans", "documents", "ebnf", "structural_tag"), ()),
    **dict.fromkeys(("chat_template", "container", "mcp_servers", "lora", "lora_path", "n_discard"), ()),
    "repeat_last_n": (64,),
    "top_n_sigma": (0, -1),
    "truncate_prompt_tokens": (),
}
"""Names, and the values that ask for nothing; null and what is empty never ask."""

_SPEED = (
    *("num_gpu", "main_gpu", "num_thread", "num_batch", "num_keep", "low_vram", "use_mmap", "use_mlock", "numa"),
    *("f16_kv", "cache_prompt", "id_slot", "cache_salt", "draft_model", "prediction", "priority", "speed"),
    *("prompt_cache_key", "prompt_cache_retention", "cache_control", "service_tier", "inference_geo"),
)
_CALLER = (
    *("user", "metadata", "client_metadata", "store", "safety_identifier", "request_id", "betas"),
    *("snippy", "intent", "intent_threshold"),
)
_HINTS = (
    *("verbosity", "context_management", "samplers", "sampler_priority", "min_keep", "logits_all", "embedding_only"),
    *("timings_per_token", "return_progress", "post_sampling_probs", "include_reasoning", "reasoning_format"),
    *("separate_reasoning", "stream_reasoning", "parse_tool_calls", "usage", "stream_options"),
)
_PARAMETERS = (
    *("dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_range", "dry_sequence_breakers"),
    *("xtc_threshold", "mirostat_tau", "mirostat_eta", "dynatemp_exponent", "smoothing_curve"),
)
IGNORED = {
    "how fast or where, or what is kept in which cache": _SPEED,
    "who asks, and what is noted about it": _CALLER,
    "what is reported beside an answer, and hints that may be left unheeded": _HINTS,
    "of a field that is refused unless it asks for nothing": _PARAMETERS,
}
"""Names of fields that every request may have, by what they are about; all others are unknown."""
IGNORED_NAMES = frozenset(name for names in IGNORED.values() for name in names)
