//! A vocabulary of a few letters.

use crate::{Token, Vocabulary};

const WORDS: [&str; 9] = ["a", "b", "c", "<", "e", "nd", ">", "ab", ""];

/// `a`, `b`, `c`, `<`, `e`, `nd`, `>`, `ab`, and an end token that is spelt `<end>`.
pub(crate) struct Letters;

impl Letters {
    pub(crate) const AB: Token = 7;
    pub(crate) const END: Token = 8;
}

impl Vocabulary for Letters {
    fn size(&self) -> usize {
        WORDS.len()
    }

    fn ends_generation(&self, token: Token) -> bool {
        token == Self::END
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        WORDS[token as usize].into()
    }

    fn spelling(&self, token: Token) -> Option<String> {
        let word = if token == Self::END { "<end>" } else { WORDS[token as usize] };
        Some(word.to_owned())
    }
}
