//! Token bytes to the text a reader sees: whole characters only, and nothing of a stop sequence.

mod stops;
mod utf8;

use stops::StopMatcher;
use utf8::Utf8Decoder;

/// Assembles the text of one completion from the bytes of its tokens.
#[derive(Debug)]
pub(crate) struct TextAssembler {
    decoder: Utf8Decoder,
    stops: StopMatcher,
}

impl TextAssembler {
    pub(crate) fn new(stop: Vec<String>) -> Self {
        Self { decoder: Utf8Decoder::default(), stops: StopMatcher::new(stop) }
    }

    /// Adds a token's bytes. Returns the text that is now certain, and whether a stop sequence ended the completion.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (String, bool) {
        let text = self.decoder.push(bytes);
        self.stops.push(&text)
    }

    /// The stop sequence that ended the completion.
    pub(crate) fn stop_sequence(&self) -> Option<&str> {
        self.stops.found()
    }

    /// What was held back, at the end of a completion that no stop sequence ended. The flag is true when the last
    /// characters completed one after all.
    pub(crate) fn finish(&mut self) -> (String, bool) {
        let rest = self.decoder.finish();
        let (mut text, stopped) = self.stops.push(&rest);
        if !stopped {
            text.push_str(&self.stops.finish());
        }
        (text, stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_split_across_tokens_and_characters_never_shows() {
        let mut text = TextAssembler::new(vec!["é!".into()]);
        let e = "é".as_bytes();
        assert_eq!(text.push(b"a"), ("a".into(), false));
        assert_eq!(text.push(&e[..1]), (String::new(), false));
        assert_eq!(text.push(&e[1..]), (String::new(), false));
        assert_eq!(text.push(b"! more"), (String::new(), true));
    }

    #[test]
    fn held_text_comes_out_at_the_end() {
        let mut text = TextAssembler::new(vec!["END".into()]);
        assert_eq!(text.push(b"the EN"), ("the ".into(), false));
        assert_eq!(text.push(&[0xe2, 0x82]), (String::new(), false));
        assert_eq!(text.finish(), ("EN\u{fffd}".into(), false));
    }
}
