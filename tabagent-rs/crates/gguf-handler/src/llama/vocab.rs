//! Text to tokens and back.

use super::Token;
use crate::forgery;
use generation::Vocabulary;
use llama_cpp_sys_2 as sys;
use std::ffi::CStr;

/// A model's vocabulary; valid as long as the model that owns it.
pub(crate) struct Vocab {
    raw: *const sys::llama_vocab,
    length: usize,
    longest_token: usize,
    /// Tokens that text which others wrote must not become; some tokenizers read them whatever `parse_special` says
    unforgeable: Vec<(String, Token)>,
}

impl Vocab {
    /// # Safety
    /// `raw` must be a live model's vocabulary and outlive the result.
    pub(super) unsafe fn new(raw: *const sys::llama_vocab) -> Self {
        // SAFETY: `raw` is valid by contract.
        let length = unsafe { sys::llama_vocab_n_tokens(raw) }.max(0) as usize;
        let mut vocab = Self { raw, length, longest_token: 1, unforgeable: Vec::new() };
        vocab.unforgeable = vocab.special_tokens();
        vocab.unforgeable.retain(|(text, _)| !text.trim_matches([' ', '\t', '\n', '\u{2581}']).is_empty());
        vocab.longest_token =
            (0..length as Token).map(|token| vocab.bytes(token, true).len()).max().unwrap_or(1).max(1);
        vocab
    }

    /// Bytes of the longest token: a text of n bytes has at least n divided by this many tokens.
    pub(crate) fn longest_token(&self) -> usize {
        self.longest_token
    }

    /// Tokens of a text. `None` when the text is longer than llama.cpp can count.
    ///
    /// `add_special` adds the beginning-of-sequence token if the model wants one; `parse_special` reads control tokens
    /// written in the text, which must stay off for text that others wrote. Nothing that is no white space is read then,
    /// user-defined tokens included.
    pub(crate) fn tokenize(&self, text: &str, add_special: bool, parse_special: bool) -> Option<Vec<Token>> {
        let is_forged = |token: &Token| self.unforgeable.iter().any(|(_, it)| it == token);
        if parse_special || !self.tokenize_raw(text, false, false)?.iter().any(is_forged) {
            return self.tokenize_raw(text, add_special, parse_special);
        }
        let parts = forgery::cut(text, self.unforgeable.iter().map(|(text, _)| text.as_str()));
        if parts == [text] {
            return self.tokenize_raw(text, add_special, false); // it is what unknown characters become
        }
        let mut tokens: Vec<Token> = Vec::new();
        tokens.extend(self.bos().filter(|_| add_special && self.adds_bos()));
        for part in parts {
            tokens.extend(self.tokenize_raw(&part, false, false)?);
        }
        tokens.extend(self.eos().filter(|_| add_special && self.adds_eos()));
        Some(tokens)
    }

    fn tokenize_raw(&self, text: &str, add_special: bool, parse_special: bool) -> Option<Vec<Token>> {
        let length = i32::try_from(text.len()).ok()?;
        let mut tokens: Vec<Token> = vec![0; text.len() / 3 + 8];
        loop {
            // SAFETY: pointer and length describe `text`; at most `tokens.len()` entries are written.
            let count = unsafe {
                sys::llama_tokenize(
                    self.raw,
                    text.as_ptr().cast(),
                    length,
                    tokens.as_mut_ptr(),
                    i32::try_from(tokens.len()).ok()?,
                    add_special,
                    parse_special,
                )
            };
            match usize::try_from(count) {
                Ok(count) => {
                    tokens.truncate(count);
                    return Some(tokens);
                }
                Err(_) if count == i32::MIN => return None,
                Err(_) => tokens.resize(count.unsigned_abs() as usize, 0),
            }
        }
    }

    /// Text of tokens, which must be in the vocabulary; U+FFFD where they end inside a character.
    pub(crate) fn detokenize(&self, tokens: &[Token], special: bool) -> Option<String> {
        if !tokens.iter().all(|&token| self.contains(token)) {
            return None;
        }
        let count = i32::try_from(tokens.len()).ok()?;
        let mut bytes = vec![0u8; tokens.len() * 8 + 16];
        loop {
            // SAFETY: every token is in the vocabulary; at most `bytes.len()` bytes are written.
            let length = unsafe {
                sys::llama_detokenize(
                    self.raw,
                    tokens.as_ptr(),
                    count,
                    bytes.as_mut_ptr().cast(),
                    i32::try_from(bytes.len()).ok()?,
                    false,
                    special,
                )
            };
            match usize::try_from(length) {
                Ok(length) => {
                    bytes.truncate(length);
                    return Some(String::from_utf8_lossy(&bytes).into_owned());
                }
                Err(_) => bytes.resize(length.unsigned_abs() as usize, 0),
            }
        }
    }

    /// Bytes of one token, possibly part of a character; empty for control tokens unless `special`, and for ids outside
    /// the vocabulary.
    fn bytes(&self, token: Token, special: bool) -> Vec<u8> {
        if !self.contains(token) {
            return Vec::new();
        }
        let mut bytes = vec![0u8; 32];
        loop {
            // SAFETY: the token is in the vocabulary; at most `bytes.len()` bytes are written.
            let length = unsafe {
                sys::llama_token_to_piece(self.raw, token, bytes.as_mut_ptr().cast(), bytes.len() as i32, 0, special)
            };
            match usize::try_from(length) {
                Ok(length) => {
                    bytes.truncate(length);
                    return bytes;
                }
                Err(_) => bytes.resize(length.unsigned_abs() as usize, 0),
            }
        }
    }

    /// Tokens that `tokenize` reads from text when `parse_special` is set: control, unknown and user-defined ones.
    pub(crate) fn special_tokens(&self) -> Vec<(String, Token)> {
        let parsed = sys::LLAMA_TOKEN_ATTR_CONTROL | sys::LLAMA_TOKEN_ATTR_UNKNOWN | sys::LLAMA_TOKEN_ATTR_USER_DEFINED;
        self.with_attribute(parsed)
    }

    /// Text and id of the tokens that have one of these attributes.
    fn with_attribute(&self, attributes: sys::llama_token_attr) -> Vec<(String, Token)> {
        (0..self.length as Token)
            // SAFETY: the id is in the vocabulary.
            .filter(|&token| unsafe { sys::llama_vocab_get_attr(self.raw, token) } & attributes != 0)
            .filter_map(|token| Some((self.spelling(token)?, token)))
            .filter(|(text, _)| !text.is_empty())
            .collect()
    }

    pub(crate) fn adds_bos(&self) -> bool {
        // SAFETY: reads a field of the live vocabulary, as do the next ones.
        unsafe { sys::llama_vocab_get_add_bos(self.raw) }
    }

    pub(crate) fn bos(&self) -> Option<Token> {
        // SAFETY: as above.
        known(unsafe { sys::llama_vocab_bos(self.raw) })
    }

    pub(crate) fn eos(&self) -> Option<Token> {
        // SAFETY: as above.
        known(unsafe { sys::llama_vocab_eos(self.raw) })
    }

    pub(crate) fn separator(&self) -> Option<Token> {
        // SAFETY: as above.
        known(unsafe { sys::llama_vocab_sep(self.raw) })
    }

    /// Whether a text should end with `eos`.
    pub(crate) fn adds_eos(&self) -> bool {
        // SAFETY: as above.
        unsafe { sys::llama_vocab_get_add_eos(self.raw) }
    }

    /// Whether there should be a `separator` between a query and a document.
    pub(crate) fn adds_separator(&self) -> bool {
        // SAFETY: as above.
        unsafe { sys::llama_vocab_get_add_sep(self.raw) }
    }

    /// Whether it is BERT's, which makes one token of a word it does not know, however long that is.
    pub(crate) fn is_word_pieces(&self) -> bool {
        // SAFETY: as above.
        unsafe { sys::llama_vocab_type(self.raw) == sys::LLAMA_VOCAB_TYPE_WPM }
    }

    pub(crate) fn newline(&self) -> Option<Token> {
        // SAFETY: as above.
        known(unsafe { sys::llama_vocab_nl(self.raw) })
    }
}

impl Vocabulary for Vocab {
    fn size(&self) -> usize {
        self.length
    }

    fn ends_generation(&self, token: Token) -> bool {
        // SAFETY: the id is checked.
        self.contains(token) && unsafe { sys::llama_vocab_is_eog(self.raw, token) }
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        self.bytes(token, false)
    }

    fn spelling(&self, token: Token) -> Option<String> {
        // SAFETY: the id is checked; the string lives as long as the vocabulary.
        self.contains(token).then(|| unsafe {
            CStr::from_ptr(sys::llama_vocab_get_text(self.raw, token)).to_string_lossy().into_owned()
        })
    }
}

/// llama.cpp answers -1 for a token that the model does not have.
fn known(token: Token) -> Option<Token> {
    (token >= 0).then_some(token)
}
