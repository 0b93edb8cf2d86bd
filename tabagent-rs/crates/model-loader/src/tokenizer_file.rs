//! `tokenizer.json` of Hugging Face's tokenizers, whose rules may make any text as long as they please.
//!
//! A rule that doubles a letter, written forty times, makes a prompt of one word fill every memory. What the rules can do
//! at most is known before they run.

use crate::error::{Error, Result};
use crate::file;
use crate::json::Limited;
use serde::Deserialize;
use serde_json::Value;
use std::io::BufReader;
use std::path::Path;

/// Bytes of the file. Those of real models have up to 35 MB.
const LARGEST: u64 = 256 << 20;
/// Times as long as it was. Real tokenizers write a space with three bytes, up to three times one after the other.
const MOST_GROWTH: u64 = 1024;
/// Pieces of a template around a text. Real ones have five.
const MOST_PIECES: usize = 1024;
/// Bytes put before a text or a word.
const LONGEST_PREFIX: u64 = 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rules {
    normalizer: Limited,
    pre_tokenizer: Limited,
    post_processor: Limited,
    decoder: Limited,
}

/// Checks the file at `path`, if there is one. A file that is no such JSON is its reader's question.
///
/// # Errors
/// [`Error::Corrupt`] for rules that blow texts up, or that are too many to tell.
pub(crate) fn check(path: &Path) -> Result<()> {
    let Ok((file, size)) = file::open(path, "tokenizer") else { return Ok(()) };
    let corrupt = |reason: String| Err(Error::Corrupt { path: path.to_owned(), reason });
    if size > LARGEST {
        return corrupt(format!("it has {size} bytes"));
    }
    match serde_json::from_reader::<_, Rules>(BufReader::with_capacity(1 << 16, file)) {
        Ok(rules) => check_rules(&rules).or_else(corrupt),
        Err(error) if error.is_data() => corrupt(error.to_string()),
        Err(_) => Ok(()),
    }
}

fn check_rules(rules: &Rules) -> std::result::Result<(), String> {
    let [normalizer, pre_tokenizer, post_processor, decoder] =
        [&rules.normalizer, &rules.pre_tokenizer, &rules.post_processor, &rules.decoder].map(|rule| &rule.0);
    for (name, rule) in [("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)] {
        if growth(rule) > MOST_GROWTH {
            return Err(format!("its {name} makes a text more than {MOST_GROWTH} times as long"));
        }
    }
    if pieces(post_processor) > MOST_PIECES {
        return Err(format!("its post_processor has more than {MOST_PIECES} pieces"));
    }
    Ok(())
}

/// How many times as long a text of many bytes becomes at most.
fn growth(rule: &Value) -> u64 {
    let length = |key: &str| rule[key].as_str().map_or(0, |text| text.len() as u64);
    match rule["type"].as_str() {
        Some("Sequence") => ["normalizers", "pretokenizers", "decoders"]
            .iter()
            .filter_map(|key| rule[*key].as_array())
            .flatten()
            .map(growth)
            .fold(1, u64::saturating_mul),
        Some("Replace") => match rule["pattern"]["String"].as_str() {
            Some("") => length("content") + 1,
            Some(pattern) => length("content").div_ceil(pattern.len() as u64).max(1),
            // An expression may match one byte, and one that matches none puts its content before each.
            None => length("content") + 1,
        },
        Some(_) if length("prepend").max(length("replacement")) > LONGEST_PREFIX => u64::MAX,
        _ => 1,
    }
}

fn pieces(rule: &Value) -> usize {
    let list = |key: &str| rule[key].as_array().map_or(&[][..], Vec::as_slice);
    let inner: usize = list("processors").iter().map(pieces).sum();
    let special = rule["special_tokens"].as_object().into_iter().flat_map(serde_json::Map::values);
    let ids = special.map(|token| token["ids"].as_array().map_or(0, Vec::len)).max().unwrap_or(0).max(1);
    (list("single").len() + list("pair").len()).saturating_mul(ids).saturating_add(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rules: &str) -> std::result::Result<(), String> {
        check_rules(&serde_json::from_str(rules).expect("JSON"))
    }

    fn repeated(count: usize, rule: &str) -> String {
        vec![rule; count].join(",")
    }

    #[test]
    fn rules_that_blow_texts_up_are_refused() {
        let double = r#"{"type": "Replace", "pattern": {"String": "l"}, "content": "ll"}"#;
        let by_regex = r#"{"type": "Replace", "pattern": {"Regex": "l"}, "content": "ll"}"#;
        for (count, rule) in [(11, double), (40, double), (7, by_regex), (400, by_regex)] {
            let rules = repeated(count, rule);
            assert!(
                checked(&format!(r#"{{"normalizer": {{"type": "Sequence", "normalizers": [{rules}]}}}}"#)).is_err()
            );
            assert!(checked(&format!(r#"{{"decoder": {{"type": "Sequence", "decoders": [{rules}]}}}}"#)).is_err());
        }
        let long = "x".repeat(5000);
        assert!(checked(&format!(r#"{{"normalizer": {{"type": "Prepend", "prepend": "{long}"}}}}"#)).is_err());
        assert!(checked(&format!(r#"{{"pre_tokenizer": {{"type": "Metaspace", "replacement": "{long}"}}}}"#)).is_err());
        let pieces = repeated(2000, r#"{"Sequence": {"id": "A", "type_id": 0}}"#);
        let template = format!(r#"{{"type": "TemplateProcessing", "single": [{pieces}], "pair": []}}"#);
        assert!(checked(&format!(r#"{{"post_processor": {template}}}"#)).is_err());
    }

    #[test]
    fn rules_of_real_tokenizers_are_not() {
        let llama = r#"{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}"#;
        assert_eq!(checked(llama), Ok(()));
        let t5 = r#"{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": ""},
            {"type": "Strip"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}, "post_processor": null}"#;
        assert_eq!(checked(t5), Ok(()));
        assert_eq!(checked("{}"), Ok(()));
    }

    #[test]
    fn what_is_no_tokenizer_is_not_judged() {
        assert_eq!(check(Path::new("/no/such/tokenizer.json")), Ok(()));
    }

    #[test]
    fn s4_rules_that_nobody_can_judge_are_refused() {
        let many = format!(r#"{{"normalizer": [{}0]}}"#, "[],".repeat(1 << 20));
        for rules in [many.as_str(), r#"{"normalizer": null, "normalizer": null}"#] {
            assert!(serde_json::from_str::<Rules>(rules).is_err_and(|error| error.is_data()));
        }
    }
}
