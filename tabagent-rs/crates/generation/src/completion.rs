//! A finished answer.

use crate::{Token, TokenLogprob};
use std::time::Duration;

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, or a stop sequence did
    Stop,
    /// `max_tokens` or the context length ended it
    Length,
}

impl FinishReason {
    /// The word other APIs use.
    pub const fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
        }
    }
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// From the request to its place in the batch
    pub queue: Duration,
    /// Computing the prompt, steps shared with other sequences counted whole
    pub prefill: Duration,
    /// Computing the tokens after the first; time spent paused is not counted
    pub decode: Duration,
    /// From the request to the first token
    pub time_to_first_token: Duration,
}

/// A finished completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The text, without stop sequence
    pub text: String,
    /// The tokens drawn, the end-of-generation token left out
    pub tokens: Vec<Token>,
    /// How likely they were, in their order; empty unless asked for
    pub logprobs: Vec<TokenLogprob>,
    /// Why it ended
    pub finish_reason: FinishReason,
    /// The stop sequence that ended it
    pub stop_sequence: Option<String>,
    /// Tokens in the prompt
    pub prompt_tokens: usize,
    /// Of those, tokens whose keys and values were already in the cache
    pub cached_tokens: usize,
    /// Where the time went
    pub timings: Timings,
    /// What the first token was drawn from, one per vocabulary entry; empty unless asked for
    pub logits: Vec<f32>,
}
