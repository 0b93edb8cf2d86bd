//! Answers that match a grammar: tokens that would leave it are not drawn. By llguidance.
//!
//! A grammar comes as llguidance's own JSON (`TopLevelGrammar`) or Lark, whatever its `grammar_from_json_schema`, `_regex`
//! and `_lark` give. It is compiled while its caller waits, within limits, so that no grammar keeps a scheduler.

use crate::error::{Error, Result};
use crate::{Token, Vocabulary};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, OnceLock};
use std::thread::Builder;
use toktrie::{ApproximateTokEnv, INVALID_TOKEN, TokRxInfo, TokTrie};

/// Bytes of a grammar.
const LONGEST: usize = 1 << 20;
/// llguidance follows rules into rules by recursion, about 3 kB for each: enough for all that fit into [`LONGEST`]. What is
/// not used is never backed by memory.
const STACK: usize = 512 << 20;
/// One takes 1 to 2 kB; usual schemas need some hundred.
const MOST_LEXER_STATES: usize = 50_000;
/// Bytes of a token, and of all of them, that toktrie can hold.
const LONGEST_WORD: usize = 1000;
const MOST_BYTES: usize = (1 << 22) - 1;
/// Characters of llguidance's first line that an error quotes.
const QUOTED: usize = 500;

/// The grammars of one vocabulary, which is read when the first one comes.
#[derive(Default)]
pub struct Grammars {
    factory: OnceLock<Result<ParserFactory>>,
}

impl Grammars {
    /// Holds one answer to `grammar`. `vocabulary` is the same every time.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] with what is wrong with it.
    pub fn compile(&self, grammar: &str, vocabulary: &impl Vocabulary) -> Result<Grammar> {
        if grammar.len() > LONGEST {
            return Err(Error::invalid("grammar", format!("is longer than {LONGEST} bytes")));
        }
        let factory = self.factory.get_or_init(|| factory(vocabulary)).as_ref().map_err(Clone::clone)?;
        let bad = |error: String| Error::invalid("grammar", format!("cannot be kept to: {}", first_line(&error)));
        let parsed = TopLevelGrammar::from_lark_or_grammar_list(grammar).map_err(|error| bad(error.to_string()))?;
        let matcher = std::thread::scope(|scope| {
            let thread = Builder::new().name("tabagent-grammar".into()).stack_size(STACK);
            let compiled = thread.spawn_scoped(scope, || Matcher::new(factory.create_parser(parsed)));
            let compiled = compiled.map_err(|error| bad(error.to_string()))?;
            compiled.join().map_err(|_| bad("llguidance gave up".into()))
        })?;
        match matcher.get_error() {
            Some(error) => Err(bad(error)),
            None => Ok(Grammar { matcher, allowed: Vec::new() }),
        }
    }
}

/// Where in its grammar an answer is.
pub struct Grammar {
    matcher: Matcher,
    allowed: Vec<f32>,
}

impl Grammar {
    /// The logits, minus infinity for tokens that would leave the grammar.
    pub(crate) fn allowed(&mut self, logits: &[f32]) -> Result<&[f32]> {
        let mask = self.matcher.compute_mask().map_err(lost)?;
        self.allowed.clear();
        self.allowed.resize(logits.len(), f32::NEG_INFINITY);
        mask.iter_set_entries(|token| {
            if let (Some(to), Some(from)) = (self.allowed.get_mut(token), logits.get(token)) {
                *to = *from;
            }
        });
        if self.allowed.iter().all(|&logit| logit == f32::NEG_INFINITY) {
            let reason = "the model gives no token that the grammar allows any probability".into();
            return Err(Error::GenerationFailed { reason });
        }
        Ok(&self.allowed)
    }

    /// Takes the token; whether the answer is whole and nothing can follow.
    pub(crate) fn ends_after(&mut self, token: Token) -> Result<bool> {
        self.matcher.consume_token(token as u32).map_err(lost)?;
        Ok(self.matcher.is_stopped())
    }
}

fn lost(error: impl ToString) -> Error {
    Error::GenerationFailed { reason: format!("the grammar lost its way: {}", first_line(&error.to_string())) }
}

fn first_line(error: &str) -> String {
    error.trim().lines().next().unwrap_or("llguidance gave no reason").chars().take(QUOTED).collect()
}

fn factory(vocabulary: &impl Vocabulary) -> Result<ParserFactory> {
    let cannot = |reason: &str| Error::invalid("grammar", format!("does not work with this vocabulary: {reason}"));
    let words: Vec<Vec<u8>> = (0..vocabulary.size() as Token).map(|token| word(vocabulary, token)).collect();
    if words.iter().map(Vec::len).sum::<usize>() > MOST_BYTES {
        return Err(cannot("it is too large"));
    }
    let ends: Vec<u32> = (0..words.len() as u32).filter(|&token| vocabulary.ends_generation(token as Token)).collect();
    let first_end = ends.first().copied().unwrap_or(INVALID_TOKEN);
    let mut trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, first_end), &words);
    if !ends.is_empty() {
        trie = trie.with_eos_tokens(&ends);
    }
    let environment: toktrie::TokEnv = Arc::new(ApproximateTokEnv::new(trie));
    let mut factory =
        ParserFactory::new_simple(&environment).map_err(|error| cannot(&first_line(&error.to_string())))?;
    factory.quiet();
    factory.limits_mut().max_lexer_states = MOST_LEXER_STATES;
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// What a grammar sees of a token: its text; for one that is none, or that ends the answer, its name behind a byte that no
/// text has.
fn word(vocabulary: &impl Vocabulary, token: Token) -> Vec<u8> {
    let piece = vocabulary.piece(token);
    let word = if piece.is_empty() || vocabulary.ends_generation(token) {
        let name = vocabulary.spelling(token).unwrap_or_default();
        if name.is_empty() { Vec::new() } else { [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat() }
    } else {
        piece
    };
    if word.len() > LONGEST_WORD { Vec::new() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vocabulary::Letters;

    const END: usize = Letters::END as usize;

    fn regex(pattern: &str) -> String {
        format!(r#"{{"grammars":[{{"lark_grammar":"start: /{pattern}/"}}]}}"#)
    }

    fn allowed(grammar: &mut Grammar) -> Vec<usize> {
        let logits = vec![0.0; Letters.size()];
        let allowed = grammar.allowed(&logits).expect("a mask");
        (0..allowed.len()).filter(|&token| allowed[token] == 0.0).collect()
    }

    #[test]
    fn only_what_continues_is_allowed_and_an_end_where_it_may_end() {
        let mut grammar = Grammars::default().compile(&regex("ab+"), &Letters).expect("a grammar");
        assert_eq!(allowed(&mut grammar), [0, Letters::AB as usize]);
        assert_eq!(grammar.ends_after(Letters::AB), Ok(false));
        assert_eq!(allowed(&mut grammar), [1, END]);
    }

    #[test]
    fn it_ends_when_nothing_can_follow() {
        let mut grammar = Grammars::default().compile(&regex("ac"), &Letters).expect("a grammar");
        assert_eq!(grammar.ends_after(0), Ok(false));
        assert_eq!(grammar.ends_after(2), Ok(true));
    }

    #[test]
    fn the_text_of_an_end_token_is_no_text() {
        let mut grammar = Grammars::default().compile(&regex("<end>"), &Letters).expect("a grammar");
        for token in [3, 4, 5, 6] {
            assert_eq!(allowed(&mut grammar), [token]);
            assert_eq!(grammar.ends_after(token as Token), Ok(token == 6));
        }
    }

    #[test]
    fn a_token_outside_is_an_error() {
        let mut grammar = Grammars::default().compile(&regex("ab"), &Letters).expect("a grammar");
        assert!(matches!(grammar.ends_after(1), Err(Error::GenerationFailed { .. })));
    }

    #[test]
    fn a_chain_of_rules_is_no_danger() {
        let rules: String = (0..50_000).map(|rule| format!(r"\nr{rule}: r{}", rule + 1)).collect();
        let grammar = format!(r#"{{"grammars":[{{"lark_grammar":"start: r0{rules}\nr50000: \"a\""}}]}}"#);
        let mut grammar = Grammars::default().compile(&grammar, &Letters).expect("a grammar");
        assert_eq!(allowed(&mut grammar), [0]);
        assert_eq!(grammar.ends_after(0), Ok(true));
    }

    #[test]
    fn bad_grammars_are_told_in_one_line() {
        let grammars = Grammars::default();
        let nested = format!(r#"{{"grammars":[{{"lark_grammar":"start: {}"}}]}}"#, "(".repeat(100_000));
        let nested_regex = regex(&"(".repeat(100_000));
        let nested_repeat = regex(&format!("{}a{}", "(".repeat(100_000), ")*".repeat(100_000)));
        let long = " ".repeat(LONGEST + 1);
        for bad in
            ["", "{", "[]", "{}", "start: (", &regex("("), &regex("a[b"), &nested, &nested_regex, &nested_repeat, &long]
        {
            match grammars.compile(bad, &Letters).map(|_| ()) {
                Err(Error::InvalidParameter { name: "grammar", reason }) => assert!(!reason.contains('\n'), "{reason}"),
                other => panic!("{other:?}: {}", &bad[..bad.len().min(100)]),
            }
        }
    }
}
