//! One request on its way: first waiting, then running in a slot.

use crate::completion::{Completion, FinishReason, Timings};
use crate::error::{Error, Result};
use crate::grammar::Grammar;
use crate::logprobs::TokenLogprob;
use crate::request::GenerateRequest;
use crate::sampling::{NotANumber, Sampler};
use crate::stream::Producer;
use crate::text::TextAssembler;
use crate::{Token, Vocabulary};
use std::time::{Duration, Instant};

/// A request in the queue.
pub struct Waiting {
    /// What was asked for
    pub request: GenerateRequest,
    /// To the caller
    pub producer: Producer,
    grammar: Option<Grammar>,
    submitted: Instant,
}

impl Waiting {
    /// It waits from now on. `grammar` is the request's own, compiled.
    pub fn new(request: GenerateRequest, grammar: Option<Grammar>, producer: Producer) -> Self {
        Self { request, producer, grammar, submitted: Instant::now() }
    }

    /// Tokens it may come to hold in the KV cache.
    pub fn reserve(&self, context_length: usize) -> usize {
        self.request.prompt.len().saturating_add(self.request.max_tokens as usize).min(context_length)
    }
}

/// A request in a slot.
pub struct Sequence {
    /// Prompt and answer so far
    pub tokens: Vec<Token>,
    /// To the caller
    pub producer: Producer,
    /// Tokens reserved in the KV cache, and the length at which the answer ends
    pub reserved: usize,
    prompt_length: usize,
    cached: usize,
    grammar: Option<Grammar>,
    sampler: Sampler,
    assembler: TextAssembler,
    text: String,
    submitted: Instant,
    timings: Timings,
    /// How many of the likeliest tokens to tell beside the drawn one
    likeliest: Option<u8>,
    logprobs: Vec<TokenLogprob>,
    /// Control tokens that have text
    shown: Vec<Token>,
    /// Where the first token's logits go, when they are wanted
    logits: Option<Vec<f32>>,
}

impl Sequence {
    /// Takes its place with `cached` prompt tokens already computed.
    pub fn new(waiting: Waiting, context_length: usize, cached: usize) -> Self {
        let reserved = waiting.reserve(context_length);
        let Waiting { request, producer, grammar, submitted } = waiting;
        let prompt_length = request.prompt.len();
        producer.admit();
        producer.report_prefill(cached, prompt_length);
        Self {
            tokens: request.prompt,
            producer,
            reserved,
            prompt_length,
            cached,
            grammar,
            sampler: Sampler::new(request.sampling),
            assembler: TextAssembler::new(request.stop),
            text: String::new(),
            submitted,
            timings: Timings { queue: submitted.elapsed(), ..Timings::default() },
            likeliest: request.logprobs,
            logprobs: Vec::new(),
            shown: request.shown,
            logits: request.keep_logits.then(Vec::new),
        }
    }

    /// Accounts for a step that computed this sequence's tokens up to `computed`.
    pub fn count_step(&mut self, took: Duration, computed: usize) {
        if self.tokens.len() == self.prompt_length {
            self.timings.prefill += took;
            self.producer.report_prefill(computed.min(self.prompt_length), self.prompt_length);
        } else {
            self.timings.decode += took;
        }
    }

    /// Draws the next token and hands its text to the caller. Returns the outcome when that ended the answer.
    pub fn advance(&mut self, logits: &[f32], vocabulary: &impl Vocabulary) -> Option<Result<Completion>> {
        match self.step(logits, vocabulary) {
            Ok(None) => None,
            Ok(Some(reason)) => Some(Ok(self.completion(reason))),
            Err(error) => Some(Err(error)),
        }
    }

    fn step(&mut self, logits: &[f32], vocabulary: &impl Vocabulary) -> Result<Option<FinishReason>> {
        let token = self.draw(logits)?;
        if self.tokens.len() == self.prompt_length {
            self.timings.time_to_first_token = self.submitted.elapsed();
            if let Some(kept) = &mut self.logits {
                kept.extend_from_slice(logits);
            }
        }
        if vocabulary.ends_generation(token) {
            self.flush();
            return Ok(Some(FinishReason::Stop));
        }
        self.tokens.push(token);
        if let Some(count) = self.likeliest {
            let logprob = TokenLogprob::new(token, logits, count.into(), vocabulary).ok_or_else(not_a_number)?;
            self.producer.push_logprob(logprob.clone());
            self.logprobs.push(logprob);
        }
        let (text, stopped) = self.assembler.push(&self.bytes_of(token, vocabulary));
        self.emit(text);
        if stopped {
            return Ok(Some(FinishReason::Stop));
        }
        if self.grammar.as_mut().map_or(Ok(false), |grammar| grammar.ends_after(token))? {
            self.flush();
            return Ok(Some(FinishReason::Stop));
        }
        if self.tokens.len() >= self.reserved {
            let stopped = self.flush();
            return Ok(Some(if stopped { FinishReason::Stop } else { FinishReason::Length }));
        }
        Ok(None)
    }

    fn bytes_of(&self, token: Token, vocabulary: &impl Vocabulary) -> Vec<u8> {
        let bytes = vocabulary.piece(token);
        let is_shown = bytes.is_empty() && self.shown.contains(&token);
        if is_shown { vocabulary.spelling(token).unwrap_or_default().into_bytes() } else { bytes }
    }

    fn draw(&mut self, logits: &[f32]) -> Result<Token> {
        let allowed = self.grammar.as_mut().map_or(Ok(logits), |grammar| grammar.allowed(logits))?;
        self.sampler.sample(allowed, &self.tokens).map_err(|NotANumber| not_a_number())
    }

    fn emit(&mut self, text: String) {
        self.text.push_str(&text);
        self.producer.push(text);
    }

    /// Hands over text that was held back; true when it completed a stop sequence.
    fn flush(&mut self) -> bool {
        let (text, stopped) = self.assembler.finish();
        self.emit(text);
        stopped
    }

    fn completion(&mut self, finish_reason: FinishReason) -> Completion {
        Completion {
            text: std::mem::take(&mut self.text),
            tokens: self.tokens[self.prompt_length..].to_vec(),
            logprobs: std::mem::take(&mut self.logprobs),
            finish_reason,
            stop_sequence: self.assembler.stop_sequence().map(str::to_owned),
            prompt_tokens: self.prompt_length,
            cached_tokens: self.cached,
            timings: self.timings,
            logits: self.logits.take().unwrap_or_default(),
        }
    }
}

fn not_a_number() -> Error {
    Error::GenerationFailed { reason: "the model computed a value that is no number".into() }
}
