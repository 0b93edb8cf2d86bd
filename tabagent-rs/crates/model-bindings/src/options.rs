//! Keywords that methods have in common.

use crate::arguments::{
    CoalesceMs, ContextLength, Grammar, Logprobs, MaxTokens, MinP, Parallel, RepeatPenalty, Seed, Stop, Temperature,
    Threads, Tokens, TopK, TopP,
};
use generation::{Capacity, GenerateRequest, Pacing, SamplingParams, Token};
use std::time::Duration;

/// What `generate`, `stream` and `agenerate` have in common, but for the prompt.
pub(crate) struct Options {
    max_tokens: u32,
    sampling: SamplingParams,
    stop: Vec<String>,
    grammar: Option<String>,
    logprobs: Option<u8>,
    shown: Vec<Token>,
    keep_logits: bool,
}

impl Options {
    #[expect(clippy::too_many_arguments, reason = "one for each keyword of the Python methods")]
    pub(crate) fn new(
        max_tokens: MaxTokens,
        temperature: Temperature,
        top_k: TopK,
        top_p: TopP,
        min_p: MinP,
        repeat_penalty: RepeatPenalty,
        seed: Option<Seed>,
        stop: Option<Stop>,
    ) -> Self {
        let sampling = SamplingParams {
            temperature: temperature.0,
            top_k: top_k.0,
            top_p: top_p.0,
            min_p: min_p.0,
            repeat_penalty: repeat_penalty.0,
            seed: seed.map(|seed| seed.0),
        };
        let stop = stop.map_or_else(Vec::new, |stop| stop.0);
        Self {
            max_tokens: max_tokens.0,
            sampling,
            stop,
            grammar: None,
            logprobs: None,
            shown: Vec::new(),
            keep_logits: false,
        }
    }

    /// With what holds the answer, and how much of its likelihoods is told.
    pub(crate) fn with(self, grammar: Option<Grammar>, logprobs: Option<Logprobs>) -> Self {
        let (grammar, logprobs) = (grammar.map(|grammar| grammar.0), logprobs.map(|count| count.0));
        Self { grammar, logprobs, ..self }
    }

    /// With control tokens that have text.
    pub(crate) fn showing(self, shown: Option<Tokens>) -> Self {
        Self { shown: shown.map_or_else(Vec::new, |shown| shown.0), ..self }
    }

    /// For the logits that follow a prompt.
    pub(crate) fn first_logits() -> Self {
        let greedy = SamplingParams { temperature: 0.0, ..SamplingParams::default() };
        Self {
            max_tokens: 1,
            sampling: greedy,
            stop: Vec::new(),
            grammar: None,
            logprobs: None,
            shown: Vec::new(),
            keep_logits: true,
        }
    }

    /// With its prompt.
    pub(crate) fn request(self, prompt: Vec<Token>) -> GenerateRequest {
        let Self { max_tokens, sampling, stop, grammar, logprobs, shown, keep_logits } = self;
        GenerateRequest { prompt, max_tokens, sampling, stop, grammar, logprobs, shown, keep_logits }
    }
}

/// What loading methods have in common.
pub(crate) fn capacity(
    context_length: Option<ContextLength>,
    n_parallel: Parallel,
    threads: Option<Threads>,
) -> Capacity {
    let (context_length, threads) = (context_length.map(|length| length.0), threads.map(|threads| threads.0));
    Capacity { context_length, sequences: n_parallel.0, threads }
}

/// How a stream hands over its text.
pub(crate) fn pacing(coalesce: CoalesceMs) -> Pacing {
    match coalesce.0 {
        0.0 => Pacing::EachPiece,
        milliseconds => Pacing::Gather(Duration::from_secs_f64(milliseconds / 1000.0)),
    }
}
