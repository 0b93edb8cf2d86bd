//! What bytes a vocabulary's entries stand for.

use serde_json::Value;
use std::collections::HashMap;

/// How a vocabulary writes bytes.
pub(super) enum Spelling {
    /// GPT-2's: a letter for each byte
    Letters(HashMap<char, u8>),
    /// SentencePiece's: `▁` for a space, `<0x0A>` for a byte
    Marks,
}

impl Spelling {
    /// As a `tokenizer.json`'s decoder reads it.
    pub(super) fn of(decoder: &Value) -> Self {
        if decoder.to_string().contains("\"ByteLevel\"") { Self::Letters(letters()) } else { Self::Marks }
    }

    /// The bytes of an entry.
    pub(super) fn bytes(&self, text: &str) -> Vec<u8> {
        match self {
            // What is no letter for a byte was put there as it is.
            Self::Letters(letters) => text
                .chars()
                .flat_map(|letter| match letters.get(&letter) {
                    Some(&byte) => vec![byte],
                    None => letter.to_string().into_bytes(),
                })
                .collect(),
            Self::Marks => match byte(text) {
                Some(byte) => vec![byte],
                None => text.replace('▁', " ").into_bytes(),
            },
        }
    }
}

fn byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

/// `bytes_to_unicode` of <https://github.com/openai/gpt-2/blob/master/src/encoder.py>, the other way around.
fn letters() -> HashMap<char, u8> {
    let shown = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let hidden = (0..=u8::MAX).filter(|&byte| !shown(byte));
    let moved = hidden.zip(0x100..).filter_map(|(byte, code)| Some((char::from_u32(code)?, byte)));
    (0..=u8::MAX).filter(|&byte| shown(byte)).map(|byte| (char::from(byte), byte)).chain(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn letters_stand_for_every_byte_once() {
        let letters = letters();
        assert_eq!(letters.len(), 256);
        assert_eq!((letters[&'Ġ'], letters[&'Ċ'], letters[&'a']), (b' ', b'\n', b'a'));
    }

    #[test]
    fn both_spellings() {
        let letters = Spelling::of(&json!({"type": "ByteLevel"}));
        assert_eq!(letters.bytes("ĠaÃ©"), " aé".as_bytes());
        let marks = Spelling::of(&json!({"type": "Sequence", "decoders": [{"type": "ByteFallback"}]}));
        assert_eq!((marks.bytes("▁a"), marks.bytes("<0x0A>")), (b" a".to_vec(), b"\n".to_vec()));
    }
}
