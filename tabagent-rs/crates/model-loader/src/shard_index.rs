//! `model.safetensors.index.json`, which says which files hold the weights. Transformers opens whatever it names, a pickle
//! and a file of another folder too.

use crate::file;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::io::BufReader;
use std::path::Path;

const NAME: &str = "model.safetensors.index.json";
/// The file that an engine prefers to the index.
const WHOLE: &str = "model.safetensors";
/// Far more shards than any real model has.
const MOST_NAMES: usize = 10_000;

#[derive(Deserialize)]
struct Index {
    weight_map: Names,
}

/// The values of an object, each once.
struct Names(BTreeSet<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Names;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of file names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Names, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((_, name)) = entries.next_entry::<IgnoredAny, String>()? {
                    names.insert(name);
                    if names.len() > MOST_NAMES {
                        return Err(A::Error::custom("it names too many files"));
                    }
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Values)
    }
}

/// Returns why weights in `folder` may not be opened by what its index or `config` names: a code and a message.
pub(crate) fn refusal(folder: &Path, config: &Value) -> Option<(&'static str, String)> {
    let elsewhere = |by: &str, name: &str| {
        let why = "which is no safetensors file of its folder";
        ("format_refused", format!("{} names the weights {name:?}, {why}.", folder.join(by).display()))
    };
    if let Some(name) = config.get("transformers_weights").filter(|name| !name.is_null()) {
        let name = name.as_str().unwrap_or_default();
        if !is_plain(name) || !folder.join(name).is_file() {
            return Some(elsewhere("config.json", name));
        }
    }
    let path = folder.join(NAME);
    if folder.join(WHOLE).is_file() || !path.exists() {
        return None;
    }
    let Ok((file, _)) = file::open(&path, "JSON") else {
        return Some(("model_corrupt", format!("{} cannot be read.", path.display())));
    };
    let index = match serde_json::from_reader::<_, Index>(BufReader::with_capacity(1 << 16, file)) {
        Ok(index) => index,
        Err(error) => return Some(("model_corrupt", format!("{} is damaged: {error}.", path.display()))),
    };
    let names = index.weight_map.0;
    if let Some(name) = names.iter().find(|name| !is_plain(name)) {
        return Some(elsewhere(NAME, name));
    }
    let missing = names.iter().find(|name| !folder.join(name).is_file())?;
    Some(("model_corrupt", format!("Files are missing: {missing}.")))
}

fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_safetensors_of_the_folder_are_opened() {
        let folder = std::env::temp_dir().join(format!("tabagent-index-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("temporary folder");
        for name in ["a.safetensors", "p.bin"] {
            std::fs::write(folder.join(name), "x").expect("temporary file");
        }
        let code = |index: &str| {
            std::fs::write(folder.join(NAME), index).expect("temporary file");
            refusal(&folder, &Value::Null).map(|(code, _)| code)
        };
        let of = |name: &str| json!({"metadata": {}, "weight_map": {"w": "a.safetensors", "v": name}}).to_string();
        assert_eq!(code(&of("a.safetensors")), None);
        for name in ["../a.safetensors", "/x/a.safetensors", "p.bin", "..\\a.safetensors", "", "C:a.safetensors"] {
            assert_eq!(code(&of(name)), Some("format_refused"), "{name}");
        }
        assert_eq!(code(&of("b.safetensors")), Some("model_corrupt"));
        for index in ["", "[1]", r#"{"weight_map": {}, "weight_map": {}}"#, r#"{"weight_map": {"w": 1}}"#] {
            assert_eq!(code(index), Some("model_corrupt"), "{index}");
        }
        let twice = r#"{"weight_map": {"w": "p.bin", "w": "a.safetensors"}}"#;
        assert_eq!(code(twice), Some("format_refused"));
        let with = |name: &str| refusal(&folder, &json!({"transformers_weights": name})).map(|(code, _)| code);
        assert_eq!(with("p.bin"), Some("format_refused"));
        std::fs::write(folder.join(WHOLE), "x").expect("temporary file");
        assert_eq!((code("[1]"), with("a.safetensors")), (None, None));
        std::fs::remove_dir_all(&folder).expect("temporary folder");
    }
}
