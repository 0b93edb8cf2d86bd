//! The tensor list of a GGUF header, checked against the size of the file.

use super::tensor_type::{bitnet_fork, tensor_type};
use crate::error::{Defect, Parsed, corrupt};
use crate::reader::Reader;
use std::collections::HashSet;
use std::io::{Read, Seek};

/// More than any real model; a limit on what a bad file can make us keep.
const MOST_TENSORS: u64 = 65_536;
/// `GGML_MAX_NAME` with its terminating NUL.
const LONGEST_NAME: u64 = 63;
const MOST_DIMENSIONS: usize = 4;
const SMALLEST_TENSOR: u64 = 8 + 4 + 4 + 8;
/// Higher numbers than any tensor type will have for a long time.
const HIGHEST_TYPE: u32 = 255;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, such as `blk.0.attn_q.weight`
    pub name: String,
    /// Elements by dimension, the fastest first; 1 where it has fewer than four
    pub shape: [u64; MOST_DIMENSIONS],
    /// How many dimensions the file states
    pub dimensions: u32,
    /// Number of its type
    pub kind: u32,
    /// Where its bytes begin, counted from the beginning of the tensor data
    pub offset: u64,
    is_fork: bool,
}

impl TensorInfo {
    /// Elements; checked not to overflow when the list was read.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Bytes of its data; `None` where this llama.cpp has no such type or the row does not divide into blocks.
    pub fn size(&self) -> Option<u64> {
        match self.fork_name() {
            Some("I2_S") => bitnet_fork::i2_s_size(self.elements()),
            Some(_) => None,
            None => tensor_type(self.kind)?.size(self.shape[0], self.shape[1..].iter().product()),
        }
    }

    /// What Microsoft's fork calls its type, where the number is the fork's.
    pub fn fork_name(&self) -> Option<&'static str> {
        match self.kind {
            bitnet_fork::I2_S => Some("I2_S"),
            bitnet_fork::TL1 => Some("TL1"),
            bitnet_fork::TL2 if self.is_fork => Some("TL2"),
            _ => None,
        }
    }
}

/// Reads `count` entries, checking names and shapes. `is_fork`: the architecture is one of Microsoft's fork.
pub(super) fn read<R: Read + Seek>(reader: &mut Reader<R>, count: u64, is_fork: bool) -> Parsed<Vec<TensorInfo>> {
    if count > MOST_TENSORS || count > reader.left() / SMALLEST_TENSOR {
        return corrupt(format!("it announces {count} tensors"));
    }
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for _ in 0..count {
        let name = reader.string("a tensor name", LONGEST_NAME)?;
        let broken = |what: &str| Defect::Corrupt(format!("tensor {name:?} {what}"));
        let dimensions = reader.u32()?;
        if dimensions as usize > MOST_DIMENSIONS {
            return Err(broken(&format!("has {dimensions} dimensions")));
        }
        let mut shape = [1u64; MOST_DIMENSIONS];
        for extent in shape.iter_mut().take(dimensions as usize) {
            *extent = reader.u64()?;
        }
        let kind = reader.u32()?;
        let offset = reader.u64()?;
        // With zeros left out, as one would hide an overflow of the others.
        let elements = shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent.max(1)));
        if elements.is_none_or(|elements| elements > i64::MAX as u64) {
            return Err(broken("is impossibly large"));
        }
        if kind > HIGHEST_TYPE {
            return Err(broken(&format!("has the type {kind}")));
        }
        if !names.insert(name.clone()) {
            return Err(broken("appears twice"));
        }
        tensors.push(TensorInfo { name, shape, dimensions, kind, offset, is_fork });
    }
    Ok(tensors)
}

/// Checks that the tensors stand one behind the other and that the file has `available` bytes for them. Behind a type of
/// unknown size anything may stand.
pub(super) fn check(tensors: &[TensorInfo], alignment: u64, available: u64) -> Parsed<()> {
    let mut expected = Some(0u64);
    let mut needed = 0u64;
    for tensor in tensors {
        let broken = |what: &str| Err(Defect::Corrupt(format!("tensor {:?} {what}", tensor.name)));
        if !tensor.offset.is_multiple_of(alignment) {
            return broken("is not aligned");
        }
        if expected.is_some_and(|expected| expected != tensor.offset) {
            return broken("is not where the one before it ends");
        }
        let known = tensor_type(tensor.kind).is_some() || tensor.fork_name() == Some("I2_S");
        let size = match tensor.size() {
            None if known && tensor.fork_name() != Some("TL2") => {
                return broken("has rows that do not divide into the blocks of its type");
            }
            size => size,
        };
        let Some(end) = tensor.offset.checked_add(size.unwrap_or(0)) else {
            return broken("is impossibly large");
        };
        needed = needed.max(end);
        expected = size.and_then(|_| end.checked_next_multiple_of(alignment));
    }
    if needed > available {
        return corrupt(format!("its tensors need {needed} bytes and the file has {available} for them"));
    }
    Ok(())
}
