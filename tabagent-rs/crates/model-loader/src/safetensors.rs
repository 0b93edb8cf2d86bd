//! Safetensors: eight bytes of length, a JSON header, the tensors' bytes.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. The header is read as a stream and entry by entry, so
//! that a bad one is refused before it has cost memory.

use crate::error::{Defect, Parsed, Result, corrupt};
use crate::file;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{BufReader, Read};
use std::path::Path;

/// Name of the format in messages.
pub(crate) const NAME: &str = "safetensors";
/// The format allows 100 MB; the largest real models need 2.
const LONGEST_HEADER: u64 = 10_000_000;
const MOST_TENSORS: usize = 200_000;
const LONGEST_NAME: usize = 1024;
const MOST_DIMENSIONS: usize = 8;

/// Facts of a safetensors file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafetensorsHeader {
    /// Tensors
    pub tensor_count: usize,
    /// Numbers in all tensors; packed ones are counted as stored
    pub parameters: u64,
    /// Numbers by type, such as `BF16`
    pub types: BTreeMap<String, u64>,
    /// Whether 1.58-bit weights are packed four to a byte, beside a `weight_scale`
    pub is_packed_ternary: bool,
    /// Bytes of the header
    pub header_size: u64,
    /// Bytes of the file
    pub file_size: u64,
}

impl SafetensorsHeader {
    /// Reads the header of the file at `path`.
    ///
    /// # Errors
    /// As [`crate::gguf::GgufFile::read`].
    pub fn read(path: &Path) -> Result<Self> {
        file::parse(path, NAME, Self::parse)
    }

    /// Reads `size` bytes that are a whole file.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn parse<R: Read>(mut input: R, size: u64) -> Parsed<Self> {
        let mut length = [0; 8];
        if size < 8 || input.read_exact(&mut length).is_err() {
            return Err(Defect::WrongFormat("it is shorter than a header".into()));
        }
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER {
            return corrupt(format!("it announces a header of {length} bytes"));
        }
        let Some(data) = (size - 8).checked_sub(length) else {
            return corrupt("the file ends early");
        };
        let header = BufReader::with_capacity(64 * 1024, input.take(length));
        let mut facts = read_entries(header)?;
        check_places(&mut facts.places, data)?;
        Ok(Self { header_size: length, file_size: size, ..facts.header })
    }
}

#[derive(Default)]
struct Facts {
    header: SafetensorsHeader,
    names: HashSet<String>,
    places: Vec<(u64, u64)>,
}

fn read_entries(header: impl Read) -> Parsed<Facts> {
    let facts = RefCell::new(Facts::default());
    let mut json = serde_json::Deserializer::from_reader(header);
    let read = Entries(&facts).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| Defect::Corrupt(format!("its header: {error}")))?;
    let mut facts = facts.into_inner();
    let scales = facts.names.iter().filter(|name| name.ends_with(".weight_scale")).count();
    facts.header.is_packed_ternary = scales > 0 && facts.header.types.contains_key("U8");
    facts.header.tensor_count = facts.places.len();
    Ok(facts)
}

/// Every byte of the data belongs to exactly one tensor, as the format demands.
fn check_places(places: &mut [(u64, u64)], data: u64) -> Parsed<()> {
    places.sort_unstable();
    let mut expected = 0;
    for &(begin, end) in places.iter() {
        if begin != expected {
            return corrupt(if begin < expected { "tensors overlap" } else { "bytes belong to no tensor" });
        }
        expected = end;
    }
    if expected != data {
        return corrupt(format!("its tensors have {expected} bytes and the file has {data} for them"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// Extents, not more than a tensor can have.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Extents;

        impl<'de> Visitor<'de> for Extents {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MOST_DIMENSIONS} extents")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> std::result::Result<Shape, A::Error> {
                let mut extents = Vec::new();
                while let Some(extent) = sequence.next_element()? {
                    if extents.len() == MOST_DIMENSIONS {
                        return Err(de::Error::invalid_length(extents.len() + 1, &self));
                    }
                    extents.push(extent);
                }
                Ok(Shape(extents))
            }
        }

        deserializer.deserialize_seq(Extents)
    }
}

/// Bits of a number of each type.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E5M2FNUZ" | "F8_E4M3FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

/// The header's object.
struct Entries<'a>(&'a RefCell<Facts>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut facts = self.0.borrow_mut();
        while let Some(name) = map.next_key::<String>()? {
            if name.len() > LONGEST_NAME || facts.names.len() >= MOST_TENSORS {
                return Err(de::Error::custom("names are too long or too many"));
            }
            if facts.names.contains(&name) {
                return Err(de::Error::custom(format!("{name:?} appears twice")));
            }
            if name == "__metadata__" {
                map.next_value::<Metadata>()?;
            } else {
                let tensor = map.next_value::<Tensor>()?;
                facts.add(&tensor).map_err(|what| de::Error::custom(format!("tensor {name:?} {what}")))?;
            }
            facts.names.insert(name);
        }
        Ok(())
    }
}

/// Texts by name; read and forgotten.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(IgnoredAny).map(|_| Metadata)
    }
}

impl Facts {
    fn add(&mut self, tensor: &Tensor) -> std::result::Result<(), String> {
        let (begin, end) = tensor.data_offsets;
        let Some(bits) = bits(&tensor.dtype) else {
            return Err(format!("has the unknown type {:?}", tensor.dtype.chars().take(16).collect::<String>()));
        };
        let elements = tensor.shape.0.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent));
        let stored = elements.and_then(|elements| elements.checked_mul(bits)).map(|bits| bits.div_ceil(8));
        let Some(length) = end.checked_sub(begin) else {
            return Err("ends before it begins".into());
        };
        if stored != Some(length) {
            return Err(format!("has {length} bytes, which is not what its shape and type need"));
        }
        let elements = elements.unwrap_or(0);
        self.header.parameters = self.header.parameters.saturating_add(elements);
        let of_type = self.header.types.entry(tensor.dtype.clone()).or_insert(0);
        *of_type = of_type.saturating_add(elements);
        self.places.push((begin, end));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str, data: usize) -> Parsed<SafetensorsHeader> {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.resize(file.len() + data, 0);
        SafetensorsHeader::parse(file.as_slice(), file.len() as u64)
    }

    fn refused(header: &str, data: usize) -> String {
        match parse(header, data) {
            Err(Defect::Corrupt(reason)) => reason,
            other => panic!("not refused but {other:?}"),
        }
    }

    #[test]
    fn a_file_is_described() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},
            "b":{"dtype":"F32","shape":[],"data_offsets":[12,16]}}"#;
        let facts = parse(header, 16).expect("good");
        assert_eq!((facts.tensor_count, facts.parameters), (2, 7));
        assert_eq!(facts.types, BTreeMap::from([("BF16".into(), 6), ("F32".into(), 1)]));
        assert!(!facts.is_packed_ternary);
    }

    #[test]
    fn packed_ternary_weights_are_known_by_their_scales() {
        let header = r#"{"q.weight":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
            "q.weight_scale":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}}"#;
        assert!(parse(header, 6).expect("good").is_packed_ternary);
    }

    #[test]
    fn abuse_is_refused() {
        let tensor = |places: &str| format!(r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":{places}}}}}"#);
        assert!(refused(&tensor("[0,8]"), 8).contains("shape"));
        assert!(refused(&tensor("[4,0]"), 4).contains("before it begins"));
        assert!(refused(&tensor("[-4,0]"), 4).contains("header"));
        assert!(refused(&tensor("[4,8]"), 8).contains("no tensor"));
        assert!(refused(&tensor("[0,4]"), 5).contains("the file has 5"));
        assert!(refused(&tensor("[0,18446744073709551616]"), 4).contains("header"));
        let two = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#;
        assert!(refused(two, 6).contains("overlap"));
        let twice = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#;
        assert!(refused(twice, 0).contains("twice"));
        let huge = r#"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
        assert!(refused(huge, 4).contains("shape"));
        assert!(refused(r#"{"a":{"dtype":"X9","shape":[],"data_offsets":[0,4]}}"#, 4).contains("X9"));
        assert!(
            refused(r#"{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}"#, 1).contains("extents")
        );
        assert!(refused("{} x", 0).contains("trailing"));
        assert!(refused("[]", 0).contains("object"));
        assert!(refused(&"[".repeat(1000), 0).contains("header"));
        assert!(refused("{\"\u{0}", 0).contains("header"));
    }

    #[test]
    fn announced_lengths_are_not_believed() {
        for length in [u64::MAX, 1 << 63, LONGEST_HEADER + 1] {
            let file = length.to_le_bytes();
            assert!(matches!(SafetensorsHeader::parse(file.as_slice(), 8), Err(Defect::Corrupt(_))));
        }
        let file = 9u64.to_le_bytes();
        assert_eq!(SafetensorsHeader::parse(file.as_slice(), 8), corrupt("the file ends early"));
        let not_utf8 = [2, 0, 0, 0, 0, 0, 0, 0, b'"', 0xff];
        assert!(SafetensorsHeader::parse(not_utf8.as_slice(), 10).is_err());
    }
}
