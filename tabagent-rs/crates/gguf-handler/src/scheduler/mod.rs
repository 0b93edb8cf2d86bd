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
mod share;
mod worker;

pub(crate) use handle::{Handle, start};
