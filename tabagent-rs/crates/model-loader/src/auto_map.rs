//! Search for `auto_map`, the key under which a configuration names Python code of its repository to run.
//!
//! The search reads strings and nothing else of JSON. So it needs no memory, takes far larger files than a parser should,
//! and follows no nesting: a parser that gives up at some depth would miss what lies below. It also sees the key in files
//! that only Python's reader takes, such as those with `Infinity`.

use crate::error::{Error, Result};
use crate::file;
use std::io::{BufReader, Bytes, Read};
use std::path::Path;

const KEY: &str = "auto_map";
/// Bytes of the key with each letter written as `\\u0061`.
const LONGEST: usize = KEY.len() * 6;

/// Bytes of all files of a model that are searched. The largest tokenizers of real models have 35 MB.
const MOST_BYTES: u64 = 256 << 20;

/// A search through the files of one model.
pub(crate) struct Search {
    left: u64,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self { left: MOST_BYTES }
    }

    /// Returns true if the file has the key with a value other than `null`. An empty file has none.
    ///
    /// # Errors
    /// It is not a regular file, cannot be read to its end, or is too large together with those before it.
    pub(crate) fn is_in_file(&mut self, path: &Path) -> Result<bool> {
        let unreadable = |reason: String| Error::Unreadable { path: path.to_owned(), reason };
        if file::look(path)?.len() == 0 {
            return Ok(false);
        }
        let (file, size) = file::open(path, "JSON")?;
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            unreadable(format!("the JSON files of the model have more than {} MiB", MOST_BYTES >> 20))
        })?;
        is_in(file.take(size)).map_err(|error| unreadable(error.to_string()))
    }
}

fn is_in(json: impl Read) -> std::io::Result<bool> {
    let mut bytes = BufReader::with_capacity(1 << 16, json).bytes();
    let mut text = Vec::with_capacity(LONGEST + 1);
    let mut next = bytes.next().transpose()?;
    while let Some(byte) = next {
        next = if byte == b'"' {
            read_string(&mut bytes, &mut text)?;
            let is_key = is_key(&text);
            let mut after = skip_space(&mut bytes)?;
            if is_key && after == Some(b':') {
                after = skip_space(&mut bytes)?;
                if after != Some(b'n') {
                    return Ok(true);
                }
            }
            after
        } else {
            bytes.next().transpose()?
        };
    }
    Ok(false)
}

/// Reads to the end of a string. `text` becomes its bytes as they are written, not more than needed to compare them.
fn read_string(bytes: &mut Bytes<impl Read>, text: &mut Vec<u8>) -> std::io::Result<()> {
    text.clear();
    let mut is_escaped = false;
    for byte in bytes {
        let byte = byte?;
        if byte == b'"' && !is_escaped {
            break;
        }
        is_escaped = byte == b'\\' && !is_escaped;
        if text.len() <= LONGEST {
            text.push(byte);
        }
    }
    Ok(())
}

fn is_key(written: &[u8]) -> bool {
    if !(KEY.len()..=LONGEST).contains(&written.len()) {
        return false;
    }
    let quoted = [b"\"", written, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|text| text == KEY)
}

fn skip_space(bytes: &mut Bytes<impl Read>) -> std::io::Result<Option<u8>> {
    for byte in bytes {
        let byte = byte?;
        if !byte.is_ascii_whitespace() {
            return Ok(Some(byte));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str) -> bool {
        is_in(text.as_bytes()).expect("bytes in memory")
    }

    #[test]
    fn s26_the_key_is_seen_at_any_depth_and_after_any_size() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(has(&deep(r#"{"auto_map": {"AutoModel": "evil.M"}}"#)));
        assert!(!has(&deep(r#"{"map": 1}"#)));
        let large = format!(r#"{{"pad": "{}", "auto_map": {{}}}}"#, "x".repeat(5 << 20));
        assert!(has(&large));
    }

    #[test]
    fn s26_the_key_is_seen_however_it_is_written() {
        assert!(has(r#"{"\u0061uto_map" : {"AutoModel": "evil.M"}}"#));
        assert!(has(r#"{"\u0061\u0075\u0074\u006f\u005f\u006D\u0061\u0070":1}"#));
        assert!(has("{\"limit\": Infinity, \"auto_map\"\n:\t\"evil.M\"}"));
        assert!(has(r#"{"a": "\"", "auto_map": 1}"#) && has(r#"{"a": "\\", "auto_map": 1}"#));
    }

    #[test]
    fn what_is_too_large_to_search_is_no_pass() {
        let path = std::env::temp_dir().join(format!("tabagent-auto-map-{}.json", std::process::id()));
        std::fs::write(&path, "{}").expect("temporary file");
        let mut search = Search { left: 3 };
        assert_eq!(search.is_in_file(&path), Ok(false));
        assert!(search.is_in_file(&path).is_err());
        let file = std::fs::File::create(&path).expect("temporary file");
        file.set_len(1 << 40).expect("a sparse file");
        assert!(Search::new().is_in_file(&path).is_err(), "it read 1 TiB of nothing");
        std::fs::remove_file(&path).expect("temporary file");
    }

    #[test]
    fn other_places_of_the_word_are_no_key() {
        for text in [
            r#"{"auto_map": null}"#,
            r#"{"a": "auto_map"}"#,
            r#"["auto_map", "auto_map"]"#,
            r#"{"a": "\"auto_map\": 1"}"#,
            r#"{"xauto_map": 1, "auto_mapx": 2}"#,
            "auto_map",
            "\"auto_map",
            "",
        ] {
            assert!(!has(text), "{text}");
        }
    }
}
