//! The key-value section of a GGUF header.

use crate::error::{Defect, Parsed, corrupt};
use crate::reader::Reader;
use std::collections::BTreeMap;
use std::io::{Read, Seek};

/// More than any real model by far; a limit on what a bad file can make us keep.
const MOST_VALUES: u64 = 65_536;
const LONGEST_KEY: u64 = 65_535;
const LONGEST_STRING: u64 = 16 << 20;
/// Entries of an array, and of all arrays of strings together, which are read one by one.
const LONGEST_ARRAY: u64 = 1 << 24;
/// Longer strings (chat templates) are noted, not kept.
const LONGEST_KEPT_STRING: u64 = 4096;
/// Longer arrays (vocabularies) are counted, not kept.
const LONGEST_KEPT_ARRAY: u64 = 1024;
const DEFAULT_ALIGNMENT: u64 = 32;
const LARGEST_ALIGNMENT: u64 = 4096;
/// Bytes of all kept keys and values together.
const MOST_KEPT: usize = 8 << 20;
const SMALLEST_VALUE: u64 = 8 + 1 + 4 + 1;

#[derive(Debug)]
enum Value {
    /// One integer (a scalar) or several (a short array)
    Numbers(Vec<u64>),
    Real(f64),
    Text(String),
    /// An array we only counted
    Array(u64),
    /// Present, but of no use here
    Other,
}

impl Value {
    fn kept_bytes(&self) -> usize {
        match self {
            Value::Numbers(numbers) => numbers.len() * size_of::<u64>(),
            Value::Text(text) => text.len(),
            Value::Real(_) | Value::Array(_) | Value::Other => 0,
        }
    }
}

/// The values of a header by key.
#[derive(Debug)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    pub(super) fn read<R: Read + Seek>(reader: &mut Reader<R>, count: u64) -> Parsed<Self> {
        if count > MOST_VALUES || count > reader.left() / SMALLEST_VALUE {
            return corrupt(format!("it announces {count} values"));
        }
        let (mut values, mut kept, mut strings) = (BTreeMap::new(), 0, 0);
        for _ in 0..count {
            let key = reader.string("a key", LONGEST_KEY)?;
            let kind = reader.u32()?;
            let value = read_value(reader, kind, &key, &mut strings)?;
            kept += key.len() + value.kept_bytes();
            if kept > MOST_KEPT {
                return corrupt("its values are impossibly long");
            }
            if values.insert(key.clone(), value).is_some() {
                return corrupt(format!("the key {key:?} appears twice"));
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

    pub(super) fn reals(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(|(key, value)| match value {
            Value::Real(real) => Some((key.as_str(), *real)),
            _ => None,
        })
    }

    pub(super) fn array_length(&self, key: &str) -> Option<u64> {
        match self.0.get(key)? {
            Value::Array(length) => Some(*length),
            Value::Numbers(numbers) => Some(numbers.len() as u64),
            _ => None,
        }
    }

    /// Alignment of the tensor data in bytes.
    pub(super) fn alignment(&self) -> Parsed<u64> {
        match self.number("general.alignment") {
            None if self.has("general.alignment") => corrupt("general.alignment is no number"),
            None => Ok(DEFAULT_ALIGNMENT),
            Some(alignment @ 8..=LARGEST_ALIGNMENT) if alignment.is_power_of_two() => Ok(alignment),
            Some(alignment) => corrupt(format!("general.alignment is {alignment}")),
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
const FLOAT32: u32 = 6;
const FLOAT64: u32 = 12;

/// `strings` counts the entries of all arrays of strings.
fn read_value<R: Read + Seek>(reader: &mut Reader<R>, kind: u32, key: &str, strings: &mut u64) -> Parsed<Value> {
    match kind {
        STRING => {
            let length = string_length(reader)?;
            if length <= LONGEST_KEPT_STRING {
                return reader.text(length).map(Value::Text);
            }
            reader.skip(length)?;
            Ok(Value::Other)
        }
        ARRAY => read_array(reader, key, strings),
        FLOAT32 => Ok(Value::Real(f32::from_le_bytes(reader.bytes()?).into())),
        FLOAT64 => Ok(Value::Real(f64::from_le_bytes(reader.bytes()?))),
        _ => match scalar(kind) {
            Some((width, true, signed)) => Ok(number(reader.integer(width, signed)?)),
            Some((width, false, _)) => reader.skip(width).map(|()| Value::Other),
            None => corrupt(format!("the value {key:?} has the unknown type {kind}")),
        },
    }
}

fn string_length<R: Read + Seek>(reader: &mut Reader<R>) -> Parsed<u64> {
    match reader.u64()? {
        length if length > LONGEST_STRING && length <= reader.left() => corrupt(format!("a string of {length} bytes")),
        length => Ok(length),
    }
}

fn number(value: i128) -> Value {
    u64::try_from(value).map_or(Value::Other, |number| Value::Numbers(vec![number]))
}

fn read_array<R: Read + Seek>(reader: &mut Reader<R>, key: &str, strings: &mut u64) -> Parsed<Value> {
    let kind = reader.u32()?;
    let length = reader.u64()?;
    let too_long = || Defect::Corrupt(format!("the array {key:?} announces {length} entries"));
    if length > LONGEST_ARRAY {
        return Err(too_long());
    }
    if kind == STRING {
        *strings = strings.saturating_add(length);
        if length > reader.left() / 8 || *strings > LONGEST_ARRAY {
            return Err(too_long());
        }
        for _ in 0..length {
            let bytes = string_length(reader)?;
            reader.skip(bytes)?;
        }
        return Ok(Value::Array(length));
    }
    let Some((width, is_integer, signed)) = scalar(kind) else {
        return corrupt(format!("the array {key:?} has entries of the unknown type {kind}"));
    };
    if length > reader.left() / width {
        return Err(too_long());
    }
    if !is_integer || length > LONGEST_KEPT_ARRAY {
        reader.skip(length * width)?;
        return Ok(Value::Array(length));
    }
    let numbers = (0..length).map(|_| reader.integer(width, signed)).collect::<Parsed<Vec<_>>>()?;
    Ok(Value::Numbers(numbers.into_iter().map(|number| u64::try_from(number).unwrap_or(0)).collect()))
}
