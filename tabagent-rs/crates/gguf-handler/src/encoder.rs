//! Texts to vectors and scores: each is computed in one piece, several in one batch.

use crate::llama::{Batch, Context, Decoded, Token, Vocab, Watch};
use crate::model::ModelFacts;
use generation::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Scores that are probabilities already: llama.cpp's `build_pooling` ends with a softmax for these.
const SOFTMAX: [&str; 2] = ["qwen3", "qwen3vl"];
/// Bytes of a text that is tokenised whatever its length: that takes a second at most.
const ALWAYS_READ: usize = 1 << 20;
const QUERY: &str = "{query}";
const DOCUMENT: &str = "{document}";

/// A context that remembers nothing from one batch to the next. Callers take turns, a batch each.
pub(crate) struct Encoder {
    /// None when it is closed
    context: Mutex<Option<Context>>,
    watch: Arc<Watch>,
}

impl Encoder {
    /// Takes a context that pools, and tries it.
    pub(crate) fn new(context: Context, watch: Arc<Watch>) -> Result<Self> {
        let token = context.model().vocab().bos().unwrap_or(0);
        let path = context.model().path().to_owned();
        let encoder = Self { context: Mutex::new(Some(context)), watch };
        encoder.vectors(&[vec![token]]).map_err(|error| Error::LoadFailed { path, reason: error.to_string() })?;
        Ok(encoder)
    }

    /// What the model makes of each text, which has at least one token and no more than the context holds.
    pub(crate) fn vectors(&self, texts: &[Vec<Token>]) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        while vectors.len() < texts.len() {
            let mut guard = self.context.lock().unwrap_or_else(PoisonError::into_inner);
            let context = guard.as_mut().ok_or(Error::Closed)?;
            vectors.extend(compute(context, &texts[vectors.len()..])?);
        }
        Ok(vectors)
    }

    /// Stops what is computed and frees the context.
    pub(crate) fn close(&self) {
        self.watch.interrupt();
        self.context.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// As many of the texts as fit into a batch, at least one.
fn compute(context: &mut Context, texts: &[Vec<Token>]) -> Result<Vec<Vec<f32>>> {
    let (most_tokens, most_texts) = (context.params().batch as usize, context.params().sequences as usize);
    let mut batch = Batch::default();
    let mut count = 0;
    for text in texts.iter().take(most_texts) {
        if count > 0 && batch.len() + text.len() > most_tokens {
            break;
        }
        for (position, &token) in text.iter().enumerate() {
            batch.push(token, position, count, true);
        }
        count += 1;
    }
    context.clear_all();
    let failed = |reason: String| Error::GenerationFailed { reason };
    match context.decode(&mut batch) {
        Decoded::Done => {}
        Decoded::Interrupted => return Err(Error::Closed),
        other => return Err(failed(format!("llama.cpp could not encode it ({other:?})"))),
    }
    let vector = |sequence| {
        let vector = context.pooled(sequence).filter(|vector| vector.iter().all(|value| value.is_finite()));
        vector.map(<[f32]>::to_vec).ok_or_else(|| failed("the model computed a value that is no number".into()))
    };
    (0..count).map(vector).collect()
}

/// A vector of length 1 in its direction.
pub(crate) fn normalised(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt().max(1e-12);
    vector.iter().map(|&value| (f64::from(value) / length) as f32).collect()
}

/// A model's first score as a probability.
pub(crate) fn probability(scores: &[f32], architecture: &str) -> f32 {
    let score = scores.first().copied().unwrap_or_default();
    if SOFTMAX.contains(&architecture) { score } else { 1.0 / (1.0 + (-score).exp()) }
}

/// The tokens of a query and a document as one text: in the model's template, else as its vocabulary joins texts. `None`
/// where one of them is too long to count.
pub(crate) fn pair(vocab: &Vocab, template: Option<&str>, query: &str, document: &str) -> Option<Vec<Token>> {
    let Some(template) = template else {
        return joined(vocab, query, document);
    };
    let mut tokens = Vec::new();
    for (part, is_text) in parts(template, query, document) {
        tokens.extend(vocab.tokenize(part, false, !is_text)?);
    }
    Some(tokens)
}

/// The template's pieces with the texts at their places; true with a text.
fn parts<'a>(template: &'a str, query: &'a str, document: &'a str) -> Vec<(&'a str, bool)> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = [QUERY, DOCUMENT].iter().filter_map(|name| rest.find(name)).min() {
        let (before, from) = rest.split_at(at);
        let (name, text) = if from.starts_with(QUERY) { (QUERY, query) } else { (DOCUMENT, document) };
        parts.extend([(before, false), (text, true)]);
        rest = &from[name.len()..];
    }
    parts.push((rest, false));
    parts
}

fn joined(vocab: &Vocab, query: &str, document: &str) -> Option<Vec<Token>> {
    let separator = vocab.separator().filter(|_| vocab.adds_separator());
    let end = vocab.eos().or(vocab.separator()).filter(|_| vocab.adds_eos());
    let begin = vocab.bos().filter(|_| vocab.adds_bos());
    let (query, document) = (vocab.tokenize(query, false, false)?, vocab.tokenize(document, false, false)?);
    let mut tokens: Vec<Token> = begin.into_iter().chain(query).chain(end).chain(separator).chain(document).collect();
    tokens.extend(end.or(separator));
    Some(tokens)
}

/// Refuses a text that is too long whatever is in it, before it is tokenised. White space may be few tokens, so a text
/// of up to a mebibyte is always tokenised.
pub(crate) fn check_bytes(bytes: usize, facts: &ModelFacts) -> Result<()> {
    let at_least = (bytes / facts.longest_token) as u64;
    match bytes > ALWAYS_READ && at_least > u64::from(facts.context_length) {
        true => Err(Error::ContextOverflow { prompt_tokens: at_least, context_length: facts.context_length }),
        false => Ok(()),
    }
}

/// Refuses a text of nothing, and one that does not fit whole: cut, it would be compared as if it were whole.
pub(crate) fn check_length(tokens: usize, context_length: u32) -> Result<()> {
    match tokens {
        0 => Err(Error::invalid("texts", "has one without any token")),
        _ if tokens as u64 > u64::from(context_length) => {
            Err(Error::ContextOverflow { prompt_tokens: tokens as u64, context_length })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_length_one() {
        assert_eq!(normalised(&[3.0, -4.0]), [0.6, -0.8]);
        assert_eq!(normalised(&[0.0]), [0.0]);
    }

    #[test]
    fn scores_become_probabilities() {
        assert_eq!(probability(&[0.0], "bert"), 0.5);
        assert_eq!(probability(&[0.9, 0.1], "qwen3"), 0.9);
    }

    #[test]
    fn texts_stand_in_the_template_as_they_are() {
        let found = parts("<a>{query}<b>{document}<c>", "{document}", "d");
        assert_eq!(found, [("<a>", false), ("{document}", true), ("<b>", false), ("d", true), ("<c>", false)]);
        assert_eq!(parts("none", "q", "d"), [("none", false)]);
    }
}
