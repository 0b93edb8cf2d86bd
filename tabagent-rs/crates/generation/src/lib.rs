//! From a request to an answer, but for the model that computes logits.
//!
//! An engine makes a [`channel`] per request, turns it with the request into a [`Waiting`] and later a [`Sequence`], and
//! gives that the logits of each step; the caller reads a [`TokenStream`]. What the engine has to say is in [`Vocabulary`]
//! and [`Control`].
#![forbid(unsafe_code)]

mod capacity;
mod completion;
mod error;
mod grammar;
mod logprobs;
mod request;
mod sampling;
mod sequence;
mod stream;
#[cfg(test)]
mod test_vocabulary;
mod text;

pub use capacity::{Capacity, MOST_SEQUENCES};
pub use completion::{Completion, FinishReason, Timings};
pub use error::{Error, Result};
pub use grammar::{Grammar, Grammars};
pub use logprobs::TokenLogprob;
pub use request::{GenerateRequest, check_prompt_length};
pub use sampling::SamplingParams;
pub use sequence::{Sequence, Waiting};
pub use stream::{Control, Next, Pacing, Producer, TokenStream, channel};

/// Id of a token in a model's vocabulary.
pub type Token = i32;

/// What an answer needs to know of a vocabulary.
pub trait Vocabulary {
    /// Entries; token ids are below it
    fn size(&self) -> usize;
    /// Whether the id is in it
    fn contains(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|index| index < self.size())
    }
    /// Whether the token ends an answer
    fn ends_generation(&self, token: Token) -> bool;
    /// Bytes of a token, possibly part of a character; none for control tokens
    fn piece(&self, token: Token) -> Vec<u8>;
    /// The entry as the vocabulary spells it (byte-level ones spell a space `Ġ`); `None` outside
    fn spelling(&self, token: Token) -> Option<String>;
}
