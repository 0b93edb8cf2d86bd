//! The tensor list of a GGUF header, checked against the size of the file.

use super::reader::{Defect, Read_, Reader};
use crate::llama::tensor_bytes;
use std::collections::HashSet;
use std::io::{Read, Seek};

/// More than any real model; a limit on what a bad file can make us keep.
const MOST_TENSORS: u64 = 100_000;
/// `GGML_MAX_NAME` with its terminating NUL.
const LONGEST_NAME: u64 = 63;
const MOST_DIMENSIONS: u32 = 4;
const SMALLEST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// Reads `count` tensor entries and checks names, shapes and that the data they describe is in the file.
pub(super) fn check<R: Read + Seek>(reader: &mut Reader<R>, count: u64, alignment: u64) -> Read_<()> {
    if count > MOST_TENSORS || count > reader.left() / SMALLEST_TENSOR {
        return Err(Defect::Corrupt(format!("it announces {count} tensors")));
    }
    let mut names = HashSet::new();
    let mut data_end = 0u64;
    for _ in 0..count {
        let name = reader.string("a tensor name", LONGEST_NAME)?;
        let broken = |what: &str| Defect::Corrupt(format!("tensor {name:?} {what}"));
        let dimensions = reader.u32()?;
        if dimensions > MOST_DIMENSIONS {
            return Err(broken(&format!("has {dimensions} dimensions")));
        }
        let mut shape = [1u64; MOST_DIMENSIONS as usize];
        for extent in shape.iter_mut().take(dimensions as usize) {
            *extent = reader.u64()?;
        }
        let kind = reader.u32()?;
        let offset = reader.u64()?;
        let rows = shape[1..].iter().try_fold(1u64, |rows, &extent| rows.checked_mul(extent));
        let elements = rows.and_then(|rows| rows.checked_mul(shape[0])).filter(|&n| n <= i64::MAX as u64);
        let (Some(rows), Some(_)) = (rows, elements) else {
            return Err(broken("is impossibly large"));
        };
        if !offset.is_multiple_of(alignment) {
            return Err(broken("is not aligned"));
        }
        // Unknown types are for the loader to refuse; how long they are only it could say.
        let bytes = tensor_bytes(kind, shape[0], rows).unwrap_or(0);
        let end = offset.checked_add(bytes).ok_or_else(|| broken("is impossibly large"))?;
        data_end = data_end.max(end);
        if !names.insert(name.clone()) {
            return Err(broken("appears twice"));
        }
    }
    if count == 0 {
        return Ok(());
    }
    let data_start = reader.position().next_multiple_of(alignment);
    let file_size = reader.position() + reader.left();
    match data_start.checked_add(data_end) {
        Some(end) if end <= file_size => Ok(()),
        _ => Err(Defect::Corrupt(format!(
            "its tensors need {} bytes and the file has {file_size}",
            data_start.saturating_add(data_end)
        ))),
    }
}
