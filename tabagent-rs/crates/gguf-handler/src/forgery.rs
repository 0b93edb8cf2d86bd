//! Text that others wrote, cut where it spells a token that it must not become.

/// The parts of a text: it is cut after the first character of each place where one of `tokens` stands, so that no part
/// holds one. A token of a single character, which cannot be cut, is replaced by U+FFFD.
pub(crate) fn cut<'a>(text: &str, tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
    let tokens: Vec<&str> = tokens.collect();
    let mut parts = vec![String::new()];
    for (at, character) in text.char_indices() {
        let rest = &text[at..];
        let found = |token: &&str| rest.starts_with(*token);
        let width = character.len_utf8();
        let part = parts.last_mut().expect("there is always one");
        match tokens.iter().filter(|token| found(token)).map(|token| token.len()).max() {
            None => part.push(character),
            Some(length) => {
                part.push(if tokens.contains(&&rest[..width]) { char::REPLACEMENT_CHARACTER } else { character });
                if length > width {
                    parts.push(String::new());
                }
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        cut(text, ["<think>", "<t", "§"].into_iter())
    }

    #[test]
    fn no_part_holds_a_token() {
        assert_eq!(parts("plain"), ["plain"]);
        assert_eq!(parts("a<think>b"), ["a<", "think>b"]);
        assert_eq!(parts("<t<think>"), ["<", "t<", "think>"]);
        assert_eq!(parts("x§y"), ["x\u{fffd}y"]);
        assert_eq!(parts("é<think>日"), ["é<", "think>日"]);
        assert!(parts("").is_empty());
    }
}
