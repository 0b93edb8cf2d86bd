//! What a pickle of weights can make, and what it may name.

use crate::error::{Defect, Parsed};

/// A place in the machine's table.
pub(super) type Id = usize;

/// What a pickle can make here.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    None,
    Int(i64),
    /// An integer of more than eight bytes, little-endian
    Long(Vec<u8>),
    Float,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Name(Name),
    Storage(Storage),
    Tensor(Box<Tensor>),
}

impl Node {
    /// Bytes that it takes, in the machine's table and outside.
    pub(super) fn memory(&self) -> usize {
        let outside = match self {
            Node::Long(bytes) => bytes.len(),
            Node::Text(text) => text.len(),
            Node::Tuple(items) | Node::List(items) => size_of_val(items.as_slice()),
            Node::Dict(pairs) => size_of_val(pairs.as_slice()),
            Node::Tensor(tensor) => size_of::<Tensor>() + 2 * size_of_val(tensor.shape.as_slice()),
            Node::None | Node::Int(_) | Node::Float | Node::Name(_) | Node::Storage(_) => 0,
        };
        size_of::<Node>() + outside
    }
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    /// A storage class, as safetensors names its type and with the bytes of an element
    StorageOf(&'static str, u64),
}

/// Numbers in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// The place of its key, a text
    pub key: Id,
    pub dtype: &'static str,
    /// Bytes of an element
    pub width: u64,
    pub elements: u64,
}

/// A view of a storage; offset and strides in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub storage: Id,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

impl Tensor {
    /// Elements, where they can be counted.
    pub(super) fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent))
    }

    /// The place behind its last element.
    pub(super) fn end(&self) -> Option<u64> {
        if self.elements()? == 0 {
            return Some(self.offset);
        }
        let last = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |at, (&extent, &stride)| at.checked_add((extent - 1).checked_mul(stride)?))?;
        last.checked_add(1)
    }

    /// Whether its elements follow each other in its storage.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&extent, &stride)| {
            let fits = extent <= 1 || stride == expected;
            expected = expected.saturating_mul(extent);
            fits
        })
    }
}

impl Name {
    /// What the pickle means, if it may mean it.
    pub(super) fn of(module: &str, name: &str) -> Parsed<Self> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Name::OrderedDict,
            ("torch", "Size") => Name::Size,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Name::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Name::RebuildParameter,
            ("torch", "DoubleStorage") => Name::StorageOf("F64", 8),
            ("torch", "FloatStorage") => Name::StorageOf("F32", 4),
            ("torch", "HalfStorage") => Name::StorageOf("F16", 2),
            ("torch", "BFloat16Storage") => Name::StorageOf("BF16", 2),
            ("torch", "LongStorage") => Name::StorageOf("I64", 8),
            ("torch", "IntStorage") => Name::StorageOf("I32", 4),
            ("torch", "ShortStorage") => Name::StorageOf("I16", 2),
            ("torch", "CharStorage") => Name::StorageOf("I8", 1),
            ("torch", "ByteStorage") => Name::StorageOf("U8", 1),
            ("torch", "BoolStorage") => Name::StorageOf("BOOL", 1),
            _ => {
                let named: String = format!("{module}.{name}").chars().take(80).collect();
                return Err(Defect::Unsafe(format!("its pickle names {named:?}, which no weights need")));
            }
        })
    }
}
