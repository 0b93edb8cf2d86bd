//! How likely the model found what was drawn.

use crate::{Token, Vocabulary};

/// A drawn token, its log probability, and the likeliest tokens in its place.
///
/// They are of the model's own distribution: before repeat penalty, grammar, cuts and temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    /// The token
    pub token: Token,
    /// Its bytes, possibly part of a character; a control token's name
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability
    pub logprob: f64,
    /// The likeliest tokens, likeliest first, with their bytes and log probabilities; the drawn one may be among them
    pub top: Vec<(Token, Vec<u8>, f64)>,
}

impl TokenLogprob {
    /// Of a token drawn at these logits, with `count` of the likeliest. `None` where the logits make no distribution.
    pub(crate) fn new(token: Token, logits: &[f32], count: usize, vocabulary: &impl Vocabulary) -> Option<Self> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = logits.iter().map(|&logit| f64::from(logit - highest).exp()).sum();
        let log_total = f64::from(highest) + total.ln();
        let logprob = |logit: f32| f64::from(logit) - log_total;
        let own = logprob(*logits.get(usize::try_from(token).ok()?)?);
        let likeliest = likeliest(logits, count).into_iter();
        let top = likeliest.map(|(token, logit)| (token, bytes(token, vocabulary), logprob(logit))).collect();
        own.is_finite().then(|| Self { token, bytes: bytes(token, vocabulary), logprob: own, top })
    }
}

fn bytes(token: Token, vocabulary: &impl Vocabulary) -> Vec<u8> {
    let piece = vocabulary.piece(token);
    if piece.is_empty() { vocabulary.spelling(token).unwrap_or_default().into_bytes() } else { piece }
}

/// Of equal logits the lower id comes first, as in drawing.
fn likeliest(logits: &[f32], count: usize) -> Vec<(Token, f32)> {
    let mut top: Vec<(Token, f32)> = Vec::with_capacity(count + 1);
    if count == 0 {
        return top;
    }
    for (token, &logit) in (0..).zip(logits) {
        if top.len() == count && top[count - 1].1 >= logit {
            continue;
        }
        let at = top.partition_point(|&(_, other)| other >= logit);
        top.insert(at, (token, logit));
        top.truncate(count);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vocabulary::Letters;

    #[test]
    fn it_is_the_log_softmax() {
        let logits = [1000.0, 1001.0, 999.0, f32::NEG_INFINITY];
        let found = TokenLogprob::new(0, &logits, 2, &Letters).expect("a distribution");
        assert!((found.logprob - -1.407_605_964).abs() < 1e-6, "{found:?}");
        let top: Vec<_> = found.top.iter().map(|(token, bytes, _)| (*token, bytes.as_slice())).collect();
        assert_eq!(top, [(1, &b"b"[..]), (0, &b"a"[..])]);
        let sum: f64 = [0, 1, 2]
            .map(|token| TokenLogprob::new(token, &logits, 0, &Letters))
            .iter()
            .flatten()
            .map(|found| found.logprob.exp())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn equal_ones_come_by_id() {
        assert_eq!(likeliest(&[1.0, 2.0, 1.0, 2.0], 3), [(1, 2.0), (3, 2.0), (0, 1.0)]);
        assert_eq!(likeliest(&[1.0], 3), [(0, 1.0)]);
        assert_eq!(likeliest(&[1.0], 0), []);
    }

    #[test]
    fn control_tokens_have_their_name() {
        let logits = vec![0.0; Letters.size()];
        assert_eq!(
            TokenLogprob::new(Letters::END, &logits, 0, &Letters).map(|found| found.bytes),
            Some(b"<end>".to_vec())
        );
    }

    #[test]
    fn what_is_no_distribution_has_none() {
        assert_eq!(TokenLogprob::new(0, &[f32::NAN, 0.0], 1, &Letters), None);
        assert_eq!(TokenLogprob::new(0, &[f32::NEG_INFINITY; 2], 1, &Letters), None);
        assert_eq!(TokenLogprob::new(5, &[0.0; 2], 1, &Letters), None);
    }
}
