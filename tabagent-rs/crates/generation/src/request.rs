//! What to generate.

use crate::error::{Error, Result};
use crate::sampling::SamplingParams;
use crate::{Token, Vocabulary};

const MOST_STOPS: usize = 64;
const MOST_LOGPROBS: u8 = 20;
const LONGEST_STOP: usize = 1024;

/// What to generate.
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
    /// What the completion must match, as llguidance's JSON or Lark; see [`Grammars`](crate::Grammars)
    pub grammar: Option<String>,
    /// Log probabilities of the drawn tokens, each with this many of the likeliest; at most 20
    pub logprobs: Option<u8>,
    /// Control tokens that have their spelling as text; others have none
    pub shown: Vec<Token>,
    /// Whether the logits that the first token was drawn from are wanted
    pub keep_logits: bool,
}

impl GenerateRequest {
    /// Checks everything but whether an engine can do it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::ContextOverflow`].
    pub fn validate(&self, vocabulary: &impl Vocabulary, context_length: u32) -> Result<()> {
        self.sampling.validate()?;
        if self.max_tokens == 0 {
            return Err(Error::invalid("max_tokens", "must be at least 1"));
        }
        if self.prompt.is_empty() {
            return Err(Error::invalid("prompt", "is empty"));
        }
        if !self.prompt.iter().all(|&token| vocabulary.contains(token)) {
            return Err(Error::invalid("prompt", "has a token that is not in the vocabulary"));
        }
        if self.logprobs.is_some_and(|count| count > MOST_LOGPROBS) {
            return Err(Error::invalid("logprobs", format!("must be between 0 and {MOST_LOGPROBS}")));
        }
        check_stops(&self.stop)?;
        check_prompt_length(self.prompt.len() as u64, context_length)
    }
}

/// There must be room for one token of an answer.
///
/// # Errors
/// [`Error::ContextOverflow`].
pub fn check_prompt_length(prompt_tokens: u64, context_length: u32) -> Result<()> {
    if prompt_tokens < u64::from(context_length) {
        Ok(())
    } else {
        Err(Error::ContextOverflow { prompt_tokens, context_length })
    }
}

fn check_stops(stops: &[String]) -> Result<()> {
    if stops.len() > MOST_STOPS {
        return Err(Error::invalid("stop", format!("has more than {MOST_STOPS} entries")));
    }
    if stops.iter().any(|stop| stop.is_empty() || stop.len() > LONGEST_STOP) {
        return Err(Error::invalid("stop", format!("has an entry that is empty or longer than {LONGEST_STOP} bytes")));
    }
    Ok(())
}
