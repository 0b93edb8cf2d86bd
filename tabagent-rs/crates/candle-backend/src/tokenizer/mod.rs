//! Text to tokens and back, for both formats: a GGUF file's vocabulary is first written as a `tokenizer.json`.
//!
//! Text that others wrote goes through a tokenizer that knows no added tokens, so that none of it becomes a control token.

mod gguf;
mod pieces;

pub(crate) use gguf::from_gguf;

use generation::{Token, Vocabulary};
use pieces::Spelling;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use tokenizers::Tokenizer;

/// What `tokenizer.json` does not say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conventions {
    pub(crate) bos: Option<String>,
    pub(crate) eos: Option<String>,
    /// Ids that end an answer
    pub(crate) ends: Vec<u32>,
    pub(crate) chat_template: Option<String>,
}

/// A model's vocabulary.
pub(crate) struct TextTokens {
    full: Tokenizer,
    plain: Tokenizer,
    special: HashSet<u32>,
    /// Put before and after a whole text
    around: (Vec<u32>, Vec<u32>),
    pieces: Vec<Vec<u8>>,
    spellings: Vec<String>,
    added: BTreeMap<String, u32>,
    ends: HashSet<u32>,
    size: usize,
    pub(crate) bos: Option<Token>,
    pub(crate) eos: Option<Token>,
    pub(crate) chat_template: Option<String>,
}

impl TextTokens {
    /// Of the content of a `tokenizer.json`, for a model of `size` logits.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn new(mut json: Value, conventions: Conventions, size: usize) -> Result<Self, String> {
        json["truncation"] = Value::Null;
        json["padding"] = Value::Null;
        take_tokens_literally(&mut json);
        let full = parse(&json)?;
        let added_tokens = json["added_tokens"].take();
        json["post_processor"] = Value::Null;
        json["added_tokens"] = json!([]);
        let plain = parse(&json)?;
        let spelling = Spelling::of(&json["decoder"]);
        let spellings: Vec<String> =
            (0..size as u32).map(|token| full.id_to_token(token).unwrap_or_default()).collect();
        let mut pieces: Vec<Vec<u8>> = spellings.iter().map(|text| spelling.bytes(text)).collect();
        let (mut special, mut added) = (HashSet::new(), BTreeMap::new());
        for token in added_tokens.as_array().into_iter().flatten() {
            let (Some(text), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) else { continue };
            let id = id as u32;
            let is_control = token["special"].as_bool().unwrap_or(false);
            added.insert(text.to_owned(), id);
            if is_control || !text.trim().is_empty() {
                special.insert(id);
            }
            if let Some(piece) = pieces.get_mut(id as usize) {
                *piece = if is_control { Vec::new() } else { text.as_bytes().to_vec() };
            }
        }
        let id = |text: &Option<String>| text.as_ref().and_then(|text| full.token_to_id(text));
        let (bos, eos) = (id(&conventions.bos), id(&conventions.eos));
        let ends = conventions.ends.iter().copied().chain(eos).collect();
        let around = around(&full)?;
        let token = |id: Option<u32>| id.and_then(|id| Token::try_from(id).ok());
        let (bos, eos) = (token(bos), token(eos));
        let chat_template = conventions.chat_template;
        Ok(Self { full, plain, special, around, pieces, spellings, added, ends, size, bos, eos, chat_template })
    }

    /// Tokens of a text. `parse_special` reads control tokens written in it; `add_special` adds what belongs around it.
    pub(crate) fn encode(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<Token>, String> {
        let tokenizer = if parse_special { &self.full } else { &self.plain };
        let mut ids = ids(tokenizer, text, false)?;
        if !parse_special && ids.iter().any(|id| self.special.contains(id)) {
            // The vocabulary itself holds the token's text. Character by character nothing can form it.
            ids.clear();
            for character in text.chars() {
                ids.extend(self::ids(&self.plain, character.encode_utf8(&mut [0; 4]), false)?);
            }
        }
        if add_special {
            ids = [&self.around.0[..], &ids, &self.around.1].concat();
        }
        ids.into_iter().map(|id| Token::try_from(id).map_err(|error| error.to_string())).collect()
    }

    /// Text of tokens, which must be in the vocabulary; `special` shows control tokens.
    pub(crate) fn decode(&self, tokens: &[Token], special: bool) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&token| match self.spelling(token) {
                Some(text) if special && self.special.contains(&(token as u32)) => text.into_bytes(),
                _ => self.piece(token),
            })
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tokens that are read from text when `parse_special` is set.
    pub(crate) fn special_tokens(&self) -> Vec<(String, Token)> {
        self.added.iter().map(|(text, &id)| (text.clone(), id as Token)).collect()
    }

    /// Whether a prompt should begin with the beginning-of-sequence token.
    pub(crate) fn adds_bos(&self) -> bool {
        self.around.0.first().is_some_and(|&first| Some(first as Token) == self.bos)
    }

    /// Bytes of the longest token.
    pub(crate) fn longest_token(&self) -> usize {
        self.spellings.iter().map(String::len).max().unwrap_or(1).max(1)
    }
}

impl Vocabulary for TextTokens {
    fn size(&self) -> usize {
        self.size
    }

    fn ends_generation(&self, token: Token) -> bool {
        u32::try_from(token).is_ok_and(|id| self.ends.contains(&id))
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        usize::try_from(token).ok().and_then(|index| self.pieces.get(index)).cloned().unwrap_or_default()
    }

    fn spelling(&self, token: Token) -> Option<String> {
        usize::try_from(token).ok().and_then(|index| self.spellings.get(index)).cloned()
    }
}

/// Added tokens are found as they are spelt: normalising could make one of other letters. White space may be normalised.
fn take_tokens_literally(json: &mut Value) {
    for token in json["added_tokens"].as_array_mut().into_iter().flatten() {
        if token["content"].as_str().is_some_and(|text| !text.trim().is_empty()) {
            token["normalized"] = json!(false);
        }
    }
}

fn parse(json: &Value) -> Result<Tokenizer, String> {
    serde_json::to_vec(json)
        .map_err(|error| error.to_string())
        .and_then(|bytes| Tokenizer::from_bytes(bytes).map_err(|error| error.to_string()))
}

fn ids(tokenizer: &Tokenizer, text: &str, add_special: bool) -> Result<Vec<u32>, String> {
    let encoding = tokenizer.encode_fast(text, add_special).map_err(|error| error.to_string())?;
    Ok(encoding.get_ids().to_vec())
}

/// What the post-processor puts around a text.
fn around(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    let (inner, whole) = (ids(tokenizer, "a", false)?, ids(tokenizer, "a", true)?);
    let at = whole.windows(inner.len().max(1)).position(|window| window == inner).unwrap_or(0);
    let after = (at + inner.len()).min(whole.len());
    Ok((whole[..at].to_vec(), whole[after..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes `a` to `e`, the word `ab`, and an end token whose text the vocabulary holds as well.
    fn made() -> TextTokens {
        let json = json!({
            "version": "1.0",
            "model": {
                "type": "BPE", "vocab": {"a": 0, "b": 1, "<": 2, "e": 3, ">": 4, "ab": 5, "<e": 6, "<e>": 7, "Ġ": 8},
                "merges": [["a", "b"], ["<", "e"], ["<e", ">"]]
            },
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "added_tokens": [{
                "id": 7, "content": "<e>", "special": true, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false
            }]
        });
        let conventions = Conventions { eos: Some("<e>".into()), ..Conventions::default() };
        TextTokens::new(json, conventions, 10).expect("a vocabulary")
    }

    #[test]
    fn content_never_becomes_a_control_token() {
        let tokens = made();
        assert_eq!(tokens.encode("ab<e>", false, true), Ok(vec![5, 7]));
        assert_eq!(tokens.encode("ab<e>", false, false), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(tokens.special_tokens(), [("<e>".to_owned(), 7)]);
    }

    #[test]
    fn tokens_become_text() {
        let tokens = made();
        assert_eq!(tokens.decode(&[5, 8, 1, 7], false), "ab b");
        assert_eq!(tokens.decode(&[5, 7], true), "ab<e>");
        assert!(tokens.ends_generation(7) && !tokens.ends_generation(5));
        assert!(tokens.contains(9) && !tokens.contains(10) && !tokens.contains(-1));
    }
}
