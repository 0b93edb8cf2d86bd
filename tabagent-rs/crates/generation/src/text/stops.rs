//! Stop sequences in a text that arrives in pieces.

/// Finds the first stop sequence and holds back text that may turn out to be the beginning of one.
#[derive(Debug)]
pub(crate) struct StopMatcher {
    stops: Vec<String>,
    held: String,
    found: Option<usize>,
}

impl StopMatcher {
    /// Empty strings are ignored.
    pub(crate) fn new(mut stops: Vec<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self { stops, held: String::new(), found: None }
    }

    /// Text that is certainly before any stop sequence, and whether one was found (what follows it is dropped).
    pub(crate) fn push(&mut self, text: &str) -> (String, bool) {
        if self.stops.is_empty() {
            return (text.to_owned(), false);
        }
        self.held.push_str(text);
        let starts = self.stops.iter().enumerate().filter_map(|(which, stop)| Some((self.held.find(stop)?, which)));
        if let Some((start, which)) = starts.min() {
            self.found = Some(which);
            self.held.truncate(start);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// The stop sequence that was found.
    pub(crate) fn found(&self) -> Option<&str> {
        self.found.map(|which| self.stops[which].as_str())
    }

    /// What was held back.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length in bytes of the longest end of `text` that is a proper beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let (text, stop) = (text.as_bytes(), stop.as_bytes());
    (1..stop.len().min(text.len() + 1)).rev().find(|&length| text.ends_with(&stop[..length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(|s| s.to_string()).collect());
        let mut out = String::new();
        for piece in pieces {
            let (text, stopped) = matcher.push(piece);
            out.push_str(&text);
            if stopped {
                return (out, true);
            }
        }
        out.push_str(&matcher.finish());
        (out, false)
    }

    #[test]
    fn stops_across_pieces() {
        assert_eq!(run(&["</s>"], &["a<", "/s", ">b"]), ("a".into(), true));
        assert_eq!(run(&["</s>"], &["a<", "/b>"]), ("a</b>".into(), false));
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), ("a".into(), true));
        assert_eq!(run(&["x", "ab"], &["ab x"]), (String::new(), true));
        assert_eq!(run(&[""], &["ab"]), ("ab".into(), false));
    }

    #[test]
    fn the_first_in_the_text_is_the_one_that_is_told() {
        let mut matcher = StopMatcher::new(["", "world", "hello", "hell"].map(String::from).into());
        assert_eq!(matcher.push("say "), ("say ".into(), false));
        assert_eq!(matcher.found(), None);
        assert_eq!(matcher.push("hello world"), (String::new(), true));
        assert_eq!(matcher.found(), Some("hello"));
    }

    #[test]
    fn held_text_is_cut_between_characters() {
        assert_eq!(run(&["日本"], &["x日", "語"]), ("x日語".into(), false));
        assert_eq!(run(&["é"], &["è"]), ("è".into(), false));
    }
}
