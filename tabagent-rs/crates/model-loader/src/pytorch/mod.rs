//! PyTorch's pickled weights, read as data: zip archives of `torch.save`, and the layout before version 1.6.
//!
//! Nothing in the pickle is run (see [`machine`]). What comes out is a list of tensors, which [`rewrite`] writes as
//! safetensors, so that no engine ever opens a pickle.

mod layout;
mod machine;
mod rewrite;
#[cfg(test)]
mod tests;
mod values;

pub use rewrite::rewrite;

use crate::error::{Parsed, Result, corrupt};
use crate::file;
use layout::Layout;
use machine::Machine;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;
use values::{Id, Node};

const FORMAT: &str = "PyTorch";
/// Where checkpoints keep the state dict that is in them.
const INNER: [&str; 3] = ["state_dict", "model", "module"];
const LONGEST_NAME: usize = 512;

/// The tensors of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PickledWeights {
    /// In the order of their names
    pub tensors: Vec<PickledTensor>,
    /// Numbers in all of them
    pub parameters: u64,
}

/// A tensor of a file, perhaps a view that is not in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickledTensor {
    /// Such as `model.embed_tokens.weight`
    pub name: String,
    /// As safetensors names it, such as `BF16`
    pub dtype: &'static str,
    /// Extents, outermost first
    pub shape: Vec<u64>,
    /// Steps to the next element of each extent, in elements
    pub strides: Vec<u64>,
    /// Bytes of an element
    pub width: u64,
    /// Where in the file its first element is
    pub begin: u64,
    /// Bytes in the file from its first element to its last
    pub span: u64,
    /// Whether its elements follow each other
    pub is_contiguous: bool,
}

impl PickledTensor {
    /// Numbers in it.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Bytes that it takes in one piece.
    pub fn size(&self) -> u64 {
        self.elements() * self.width
    }
}

impl PickledWeights {
    /// Reads the table of a file's tensors.
    ///
    /// # Errors
    /// [`crate::Error`]: unreadable, damaged, or its pickle would do more than describe tensors.
    pub fn read(path: &Path) -> Result<Self> {
        file::parse(path, FORMAT, Self::parse)
    }

    /// Reads the table from `input` of `size` bytes.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(input: impl Read + Seek, size: u64) -> Parsed<Self> {
        let mut machine = Machine::default();
        let (root, layout) = Layout::read(input, size, &mut machine)?;
        let mut found = BTreeMap::new();
        let mut total = 0u64;
        for (name, id) in state_dict(&machine, root)? {
            let Node::Tensor(tensor) = machine.node(id) else { continue };
            let Node::Storage(storage) = machine.node(tensor.storage) else { continue };
            let (Some(elements), Some(end)) = (tensor.elements(), tensor.end()) else { continue };
            if name.is_empty() || name.len() > LONGEST_NAME || name == "__metadata__" {
                return corrupt("a tensor has no usable name");
            }
            let (begin, stored) = layout.place(machine.text(storage.key))?;
            let reach = end.checked_mul(storage.width).filter(|&reach| reach <= stored);
            let (Some(_), Some(bytes)) = (reach, elements.checked_mul(storage.width)) else {
                return corrupt(format!("the tensor {name} reaches beyond its storage"));
            };
            total = total.saturating_add(bytes);
            // Views that repeat a storage could ask for any amount; tied weights are there twice.
            if total > size.saturating_mul(2) {
                return corrupt("its tensors are larger than the file could make them");
            }
            let tensor = PickledTensor {
                name: name.to_owned(),
                dtype: storage.dtype,
                shape: tensor.shape.clone(),
                strides: tensor.strides.clone(),
                width: storage.width,
                begin: begin + tensor.offset * storage.width,
                span: (end - tensor.offset) * storage.width,
                is_contiguous: tensor.is_contiguous(),
            };
            if found.insert(name, tensor).is_some() {
                return corrupt(format!("the tensor {name} is there twice"));
            }
        }
        if found.is_empty() {
            return corrupt("it holds no tensors");
        }
        let tensors: Vec<_> = found.into_values().collect();
        Ok(Self { parameters: tensors.iter().map(PickledTensor::elements).sum(), tensors })
    }
}

/// Names and values of the dict that holds the tensors: the pickle's own, or one that a checkpoint keeps in it.
fn state_dict(machine: &Machine, root: Id) -> Parsed<Vec<(&str, Id)>> {
    let outer = entries(machine, root)?;
    let inner = outer.iter().find(|(name, id)| INNER.contains(name) && entries(machine, *id).is_ok());
    match inner {
        Some((_, id)) => entries(machine, *id),
        None => Ok(outer),
    }
}

fn entries(machine: &Machine, id: Id) -> Parsed<Vec<(&str, Id)>> {
    let Node::Dict(pairs) = machine.node(id) else {
        return corrupt("it is no dict of tensors");
    };
    let named = |&(key, value): &(Id, Id)| match machine.node(key) {
        Node::Text(name) => Some((name.as_str(), value)),
        _ => None,
    };
    Ok(pairs.iter().filter_map(named).collect())
}
