//! From logits to the next token.
//!
//! Order: repeat penalty, top-k, top-p, min-p, temperature, draw. Top-p and min-p both keep a beginning of the candidates
//! sorted by probability, so they commute; min-p goes first because it needs no sorting.

use crate::Token;
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

/// How many of the last tokens (prompt included) the repeat penalty looks at.
const PENALTY_WINDOW: usize = 64;

/// How the next token is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingParams {
    /// 0 takes the most likely token; above, logits are divided by it. 0 to 100.
    pub temperature: f32,
    /// Keep the k most likely tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the most likely tokens whose probabilities sum to this. 0 to 1.
    pub top_p: f32,
    /// Keep tokens at least this likely relative to the most likely one. 0 to 1.
    pub min_p: f32,
    /// Divide positive logits (multiply negative ones) of the last 64 tokens by this; 1 is off. Above 0, to 10.
    pub repeat_penalty: f32,
    /// Seed of the draw; `None` takes a new one each time.
    pub seed: Option<u64>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1.0, seed: None }
    }
}

impl SamplingParams {
    /// Refuses values outside the ranges above, NaN included.
    pub fn validate(&self) -> Result<()> {
        let within = |name, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::invalid(name, format!("must be between {low} and {high}, got {value}")))
            }
        };
        within("temperature", self.temperature, 0.0, 100.0)?;
        within("top_p", self.top_p, 0.0, 1.0)?;
        within("min_p", self.min_p, 0.0, 1.0)?;
        within("repeat_penalty", self.repeat_penalty, 0.01, 10.0)
    }

    /// Whether the draw repeats only if the logits do, bit for bit.
    pub fn is_seeded_draw(&self) -> bool {
        self.seed.is_some() && self.temperature > 0.0
    }
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    id: Token,
    logit: f32,
}

/// Most likely first; equal logits by id, so that a run repeats.
fn by_likelihood(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// The logits hold a NaN: the model's weights or its computation are broken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotANumber;

/// Draws the tokens of one completion.
#[derive(Debug)]
pub(crate) struct Sampler {
    params: SamplingParams,
    random: SplitMix64,
    penalised: Vec<f32>,
    candidates: Vec<Candidate>,
}

impl Sampler {
    pub(crate) fn new(params: SamplingParams) -> Self {
        let seed = params.seed.unwrap_or_else(fresh_seed);
        Self { params, random: SplitMix64(seed), penalised: Vec::new(), candidates: Vec::new() }
    }

    /// The next token after `history` (prompt and completion so far).
    pub(crate) fn sample(&mut self, logits: &[f32], history: &[Token]) -> std::result::Result<Token, NotANumber> {
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(NotANumber);
        }
        let mut penalised = std::mem::take(&mut self.penalised);
        let token = if self.params.repeat_penalty == 1.0 {
            self.choose(logits)
        } else {
            penalised.clear();
            penalised.extend_from_slice(logits);
            penalise(&mut penalised, history, self.params.repeat_penalty);
            self.choose(&penalised)
        };
        self.penalised = penalised;
        Ok(token)
    }

    fn choose(&mut self, logits: &[f32]) -> Token {
        if self.params.temperature == 0.0 {
            return argmax(logits);
        }
        self.keep_top_k(logits);
        let highest = self.candidates.iter().map(|c| c.logit).fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = self.candidates.iter().map(|c| f64::from((c.logit - highest).exp())).sum();
        let least = highest + self.params.min_p.ln();
        self.candidates.retain(|c| c.logit >= least);
        self.candidates.sort_unstable_by(by_likelihood);
        self.keep_top_p(highest, total);
        self.draw(highest)
    }

    fn keep_top_k(&mut self, logits: &[f32]) {
        self.candidates.clear();
        let k = match self.params.top_k as usize {
            0 => logits.len(),
            k => k.min(logits.len()),
        };
        let room = (4 * k).max(256);
        let mut least = f32::NEG_INFINITY;
        for (id, &logit) in (0..).zip(logits) {
            if logit < least {
                continue;
            }
            self.candidates.push(Candidate { id, logit });
            if self.candidates.len() == room {
                self.candidates.select_nth_unstable_by(k - 1, by_likelihood);
                self.candidates.truncate(k);
                least = self.candidates[k - 1].logit;
            }
        }
        if self.candidates.len() > k {
            self.candidates.select_nth_unstable_by(k - 1, by_likelihood);
            self.candidates.truncate(k);
        }
    }

    fn keep_top_p(&mut self, highest: f32, total: f64) {
        if self.params.top_p >= 1.0 {
            return;
        }
        let wanted = f64::from(self.params.top_p) * total;
        let mut sum = 0.0;
        let reached = self.candidates.iter().position(|c| {
            sum += f64::from((c.logit - highest).exp());
            sum >= wanted
        });
        if let Some(last) = reached {
            self.candidates.truncate(last + 1);
        }
    }

    fn draw(&mut self, highest: f32) -> Token {
        let weight = |c: &Candidate| f64::from(((c.logit - highest) / self.params.temperature).exp());
        let total: f64 = self.candidates.iter().map(weight).sum();
        let mut left = self.random.unit() * total;
        for candidate in &self.candidates {
            left -= f64::from(((candidate.logit - highest) / self.params.temperature).exp());
            if left < 0.0 {
                return candidate.id;
            }
        }
        self.candidates.first().map_or(0, |candidate| candidate.id)
    }
}

fn argmax(logits: &[f32]) -> Token {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    best.0
}

fn penalise(logits: &mut [f32], history: &[Token], penalty: f32) {
    let mut seen: Vec<Token> = history[history.len().saturating_sub(PENALTY_WINDOW)..].to_vec();
    seen.sort_unstable();
    seen.dedup();
    for token in seen {
        if let Some(logit) = usize::try_from(token).ok().and_then(|index| logits.get_mut(index)) {
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
    }
}

/// Sebastiano Vigna's SplitMix64: one addition and a mix, enough for drawing tokens and the same everywhere.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// std seeds its hash maps from the operating system's randomness.
fn fresh_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(change: impl FnOnce(&mut SamplingParams)) -> Sampler {
        let mut params = SamplingParams { seed: Some(7), ..SamplingParams::default() };
        change(&mut params);
        Sampler::new(params)
    }

    fn counts(sampler: &mut Sampler, logits: &[f32]) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        for _ in 0..2000 {
            counts[sampler.sample(logits, &[]).expect("numbers") as usize] += 1;
        }
        counts
    }

    #[test]
    fn temperature_zero_takes_the_first_highest() {
        let mut greedy = sampler(|p| p.temperature = 0.0);
        assert_eq!(greedy.sample(&[0.0, 3.0, 3.0, 1.0], &[]), Ok(1));
    }

    #[test]
    fn the_penalty_moves_the_choice() {
        let mut greedy = sampler(|p| (p.temperature, p.repeat_penalty) = (0.0, 2.0));
        assert_eq!(greedy.sample(&[0.0, 3.0, 2.0], &[1, 1]), Ok(2));
        assert_eq!(greedy.sample(&[-1.0, -1.5, -3.0], &[0]), Ok(1));
    }

    #[test]
    fn the_penalty_forgets() {
        let mut greedy = sampler(|p| (p.temperature, p.repeat_penalty) = (0.0, 2.0));
        let mut history = vec![1];
        history.extend([0; PENALTY_WINDOW]);
        assert_eq!(greedy.sample(&[0.0, 3.0, 2.0], &history), Ok(1));
    }

    #[test]
    fn top_k_top_p_and_min_p_cut() {
        let logits = [2.0, 1.0, 0.0, -1.0, -10.0];
        let only = |counts: Vec<usize>| counts.iter().filter(|&&n| n > 0).count();
        let open = |p: &mut SamplingParams| (p.top_k, p.top_p, p.min_p, p.temperature) = (0, 1.0, 0.0, 1.0);
        assert_eq!(
            only(counts(
                &mut sampler(|p| {
                    open(p);
                    p.top_k = 2
                }),
                &logits
            )),
            2
        );
        assert_eq!(
            only(counts(
                &mut sampler(|p| {
                    open(p);
                    p.top_p = 0.6
                }),
                &logits
            )),
            1
        );
        assert_eq!(
            only(counts(
                &mut sampler(|p| {
                    open(p);
                    p.top_p = 0.8
                }),
                &logits
            )),
            2
        );
        assert_eq!(
            only(counts(
                &mut sampler(|p| {
                    open(p);
                    p.min_p = 0.1
                }),
                &logits
            )),
            3
        );
        assert_eq!(
            only(counts(
                &mut sampler(|p| {
                    open(p);
                    p.top_p = 0.0
                }),
                &logits
            )),
            1
        );
    }

    #[test]
    fn frequencies_follow_the_softmax() {
        let logits = [1.0f32, 0.0];
        let counts = counts(&mut sampler(|p| (p.top_k, p.top_p, p.min_p, p.temperature) = (0, 1.0, 0.0, 1.0)), &logits);
        let share = counts[0] as f64 / 2000.0;
        assert!((share - 0.731).abs() < 0.03, "{share}");
    }

    #[test]
    fn top_k_over_a_large_vocabulary_keeps_the_largest() {
        let logits: Vec<f32> = (0..50_000).map(|i| ((i * 7919) % 50_000) as f32).collect();
        let mut sampler = sampler(|p| p.top_k = 3);
        sampler.keep_top_k(&logits);
        let mut kept: Vec<_> = sampler.candidates.iter().map(|c| c.logit as u32).collect();
        kept.sort_unstable();
        assert_eq!(kept, [49_997, 49_998, 49_999]);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let logits: Vec<f32> = (0..100).map(|i| (i % 10) as f32 / 10.0).collect();
        let run = |seed| {
            let mut s = sampler(|p| p.seed = Some(seed));
            (0..50).map(|_| s.sample(&logits, &[]).expect("numbers")).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn nan_is_an_error_and_infinities_are_not() {
        assert_eq!(sampler(|_| ()).sample(&[0.0, f32::NAN], &[]), Err(NotANumber));
        assert_eq!(sampler(|_| ()).sample(&[f32::NEG_INFINITY, 0.0], &[]), Ok(1));
        assert_eq!(sampler(|_| ()).sample(&[f32::NEG_INFINITY; 3], &[]).map(|_| ()), Ok(()));
    }

    #[test]
    fn ranges() {
        let bad = |change: fn(&mut SamplingParams)| {
            let mut params = SamplingParams::default();
            change(&mut params);
            params.validate().is_err()
        };
        assert!(!bad(|_| ()));
        assert!(bad(|p| p.temperature = -0.1));
        assert!(bad(|p| p.temperature = f32::NAN));
        assert!(bad(|p| p.top_p = 1.5));
        assert!(bad(|p| p.min_p = f32::INFINITY));
        assert!(bad(|p| p.repeat_penalty = 0.0));
    }
}
