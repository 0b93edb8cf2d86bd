//! The hash of a chat template, by which users and TabAgent see that it has changed.

use crate::json;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns the SHA-256 of a template's text, in hexadecimal digits.
pub(crate) fn hash(template: &str) -> String {
    Sha256::digest(template).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the hash of a template that stands in JSON; of several with names, that of the list.
pub(crate) fn hash_of(template: &Value) -> Option<String> {
    match template {
        Value::String(text) => Some(hash(text)),
        Value::Array(_) | Value::Object(_) => Some(hash(&template.to_string())),
        _ => None,
    }
}

/// Returns the hash of the template in `tokenizer_config.json` or `chat_template.json`.
pub(crate) fn hash_in(text: &str) -> Option<String> {
    hash_of(json::parse(text).ok()?.get("chat_template")?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_texts_have_one_hash_wherever_they_stand() {
        let known = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(super::hash("hello\n"), known);
        assert_eq!(super::hash_in(r#"{"chat_template": "hello\n"}"#).as_deref(), Some(known));
        let list = super::hash_in(r#"{"chat_template": [{"name": "default", "template": "hello\n"}]}"#);
        assert!(list.is_some_and(|hash| hash.len() == 64 && hash != known));
        for none in [r#"{"chat_template": null}"#, "{}", "[]", "{"] {
            assert_eq!(super::hash_in(none), None);
        }
    }
}
