//! One thread owns the llama.cpp context and serves every caller from it.
//!
//! Each step decodes one token of every running sequence together with parts of the prompts that are being read
//! (continuous batching). A finished sequence's keys and values stay in its slot, and a later prompt that begins the same
//! way continues from there. The decisions are pure, in `placement`, `room`, `share` and
//! `governor`; `worker` carries them out.

mod governor;
mod handle;
mod placement;
mod room;
mod sequence;
mod share;
mod worker;

pub(crate) use handle::{Handle, start};
pub(crate) use sequence::Waiting;

use crate::llama::Token;
use crate::sampling::SamplingParams;

/// What to generate. Checked by [`crate::Model::generate`].
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// The prompt; not empty
    pub prompt: Vec<Token>,
    /// Tokens to generate at most; at least 1
    pub max_tokens: u32,
    /// How tokens are drawn
    pub sampling: SamplingParams,
    /// Texts that end the completion and are left out of it
    pub stop: Vec<String>,
    /// Whether the logits that the first token was drawn from are wanted
    pub keep_logits: bool,
}
