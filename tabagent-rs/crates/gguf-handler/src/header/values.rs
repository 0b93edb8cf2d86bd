//! The key-value section of a GGUF header.

use super::reader::{Defect, Read_, Reader};
use std::collections::BTreeMap;
use std::io::{Read, Seek};

/// More than any real model by far; a limit on what a bad file can make us keep.
const MOST_VALUES: u64 = 10_000;
const LONGEST_KEY: u64 = 65_535;
/// Longer strings (chat templates) are noted, not kept.
const LONGEST_KEPT_STRING: u64 = 4096;
/// Longer arrays (vocabularies) are counted, not kept.
const LONGEST_KEPT_ARRAY: u64 = 1024;
const DEFAULT_ALIGNMENT: u64 = 32;
const SMALLEST_VALUE: u64 = 8 + 1 + 4 + 1;

#[derive(Debug)]
enum Value {
    /// One integer (a scalar) or several (a short array)
    Numbers(Vec<u64>),
    Text(String),
    /// An array we only counted
    Array(u64),
    /// Present, but of no use here
    Other,
}

/// The values of a header by key.
#[derive(Debug)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    pub(super) fn read<R: Read + Seek>(reader: &mut Reader<R>, count: u64) -> Read_<Self> {
        if count > MOST_VALUES || count > reader.left() / SMALLEST_VALUE {
            return Err(Defect::Corrupt(format!("it announces {count} values")));
        }
        let mut values = BTreeMap::new();
        for _ in 0..count {
            let key = reader.string("a key", LONGEST_KEY)?;
            let kind = reader.u32()?;
            let value = read_value(reader, kind, &key)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(Defect::Corrupt(format!("the key {key:?} appears twice")));
            }
        }
        Ok(Self(values))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn numbers(&self, key: &str) -> Option<&[u64]> {
        match self.0.get(key)? {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.numbers(key)? {
            [number] => Some(*number),
            _ => None,
        }
    }

    pub(super) fn array_length(&self, key: &str) -> Option<u64> {
        match self.0.get(key)? {
            Value::Array(length) => Some(*length),
            Value::Numbers(numbers) => Some(numbers.len() as u64),
            _ => None,
        }
    }

    /// Alignment of the tensor data in bytes.
    pub(super) fn alignment(&self) -> Read_<u64> {
        match self.number("general.alignment") {
            None if self.has("general.alignment") => Err(Defect::Corrupt("general.alignment is no number".into())),
            None => Ok(DEFAULT_ALIGNMENT),
            Some(alignment) if alignment.is_power_of_two() && alignment <= u64::from(u32::MAX) => Ok(alignment),
            Some(alignment) => Err(Defect::Corrupt(format!("general.alignment is {alignment}"))),
        }
    }
}

/// A type that has a fixed width: bytes, whether it is an integer, whether that is signed.
fn scalar(kind: u32) -> Option<(u64, bool, bool)> {
    Some(match kind {
        0 => (1, true, false),
        1 => (1, true, true),
        2 => (2, true, false),
        3 => (2, true, true),
        4 => (4, true, false),
        5 => (4, true, true),
        6 => (4, false, false),
        7 => (1, false, false),
        10 => (8, true, false),
        11 => (8, true, true),
        12 => (8, false, false),
        _ => return None,
    })
}

const STRING: u32 = 8;
const ARRAY: u32 = 9;

fn read_value<R: Read + Seek>(reader: &mut Reader<R>, kind: u32, key: &str) -> Read_<Value> {
    match kind {
        STRING => {
            let length = reader.u64()?;
            if length <= LONGEST_KEPT_STRING {
                return reader.text(length).map(Value::Text);
            }
            reader.skip(length)?;
            Ok(Value::Other)
        }
        ARRAY => read_array(reader, key),
        _ => match scalar(kind) {
            Some((width, true, signed)) => Ok(number(reader.integer(width, signed)?)),
            Some((width, false, _)) => reader.skip(width).map(|()| Value::Other),
            None => Err(Defect::Corrupt(format!("the value {key:?} has the unknown type {kind}"))),
        },
    }
}

fn number(value: i128) -> Value {
    u64::try_from(value).map_or(Value::Other, |number| Value::Numbers(vec![number]))
}

fn read_array<R: Read + Seek>(reader: &mut Reader<R>, key: &str) -> Read_<Value> {
    let kind = reader.u32()?;
    let length = reader.u64()?;
    let too_long = || Defect::Corrupt(format!("the array {key:?} announces {length} entries"));
    if kind == STRING {
        if length > reader.left() / 8 {
            return Err(too_long());
        }
        for _ in 0..length {
            let bytes = reader.u64()?;
            reader.skip(bytes)?;
        }
        return Ok(Value::Array(length));
    }
    let Some((width, is_integer, signed)) = scalar(kind) else {
        return Err(Defect::Corrupt(format!("the array {key:?} has entries of the unknown type {kind}")));
    };
    if length > reader.left() / width {
        return Err(too_long());
    }
    if !is_integer || length > LONGEST_KEPT_ARRAY {
        reader.skip(length * width)?;
        return Ok(Value::Array(length));
    }
    let numbers = (0..length).map(|_| reader.integer(width, signed)).collect::<Read_<Vec<_>>>()?;
    Ok(Value::Numbers(numbers.into_iter().map(|number| u64::try_from(number).unwrap_or(0)).collect()))
}
