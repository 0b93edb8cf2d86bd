//! JSON of strangers as values, of which there may be so many: parsed, a text can take two hundred times its memory.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::fmt;

/// Values of a configuration. Real ones have up to 50,000.
const MOST_VALUES: usize = 200_000;
/// As many values as an object takes memory for.
const OBJECT: usize = 20;

/// Returns a configuration as values.
///
/// # Errors
/// It is no JSON, or has too many values.
pub(crate) fn parse(text: &str) -> serde_json::Result<Value> {
    read(text, Keys::LastWins)
}

/// Returns a configuration as values, for a reader of which nobody knows what it makes of equal keys.
///
/// # Errors
/// As [`parse`]; an object has a key twice.
pub(crate) fn parse_strictly(text: &str) -> serde_json::Result<Value> {
    read(text, Keys::Unique)
}

fn read(text: &str, keys: Keys) -> serde_json::Result<Value> {
    let left = Cell::new(MOST_VALUES);
    let mut input = serde_json::Deserializer::from_str(text);
    let value = Values { left: &left, keys }.deserialize(&mut input)?;
    input.end().map(|()| value)
}

/// A value inside a larger text, the rest of which is read otherwise.
#[derive(Default)]
pub(crate) struct Limited(pub(crate) Value);

impl<'de> Deserialize<'de> for Limited {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Cell::new(MOST_VALUES);
        Values { left: &left, keys: Keys::LastWins }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
enum Keys {
    LastWins,
    Unique,
}

/// Reads a value, and counts what is in it.
#[derive(Clone, Copy)]
struct Values<'a> {
    left: &'a Cell<usize>,
    keys: Keys,
}

impl Values<'_> {
    fn count<E: Error>(&self, values: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(values).ok_or_else(|| E::custom("it has too many values"))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.count(OBJECT)?;
        let mut all = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if matches!(self.keys, Keys::Unique) && all.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} appears twice")));
            }
            all.insert(key, entries.next_value_seed(self)?);
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_texts_that_would_fill_memory_are_not_parsed() {
        for piece in ["{},", "[],", "0,", "\"\",", "{\"a\":0},", "[[[[[[[[0]]]]]]]],"] {
            let text = format!("[{}0]", piece.repeat((4 << 20) / piece.len()));
            assert!(parse(&text).is_err(), "{piece}");
            assert!(serde_json::from_str::<Limited>(&text).is_err(), "{piece}");
        }
        assert!(parse(&format!("{{\"a\":{}0{}}}", "[".repeat(500), "]".repeat(500))).is_err());
    }

    #[test]
    fn real_configurations_are() {
        let labels: Vec<String> = (0..21_843).map(|number| format!("\"{number}\": \"label {number}\"")).collect();
        let config =
            format!(r#"{{"id2label": {{{0}}}, "label2id": {{{0}}}, "x": [1, -1, 1.5, true, null]}}"#, labels.join(","));
        let parsed = parse(&config).expect("JSON");
        assert_eq!(parsed, serde_json::from_str::<Value>(&config).expect("JSON"));
    }

    #[test]
    fn equal_keys() {
        assert_eq!(parse(r#"{"a": 1, "a": 2}"#).expect("JSON")["a"], 2);
        assert!(parse_strictly(r#"{"a": 1, "a": 2}"#).is_err());
        assert!(parse_strictly(r#"{"a": 1} x"#).is_err());
    }
}
