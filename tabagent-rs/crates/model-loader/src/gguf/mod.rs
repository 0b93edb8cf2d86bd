//! What a GGUF file says about itself, read without trusting a word of it.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little-endian. Lengths in the
//! file are checked against the bytes left before anything is allocated, so a bad file costs neither time nor memory.
//! Tensor data is not read.

mod plausible;
mod quantisation;
mod tensor_type;
mod tensors;
mod values;

use crate::error::{Defect, Parsed, Result, corrupt};
use crate::file;
use crate::reader::Reader;
use crate::template;
pub use quantisation::file_type_name;
use std::io::{Read, Seek};
use std::path::Path;
pub use tensor_type::{TENSOR_TYPES, TensorType, bitnet_fork, tensor_type};
pub use tensors::TensorInfo;
use values::Values;

/// Name of the format in messages.
pub(crate) const NAME: &str = "GGUF";
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";

/// Facts of a GGUF file. Numbers that the file does not state are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufHeader {
    /// GGUF version, 2 or 3
    pub version: u32,
    /// `general.architecture`, such as `llama`
    pub architecture: String,
    /// `general.name`
    pub name: Option<String>,
    /// `general.type`: `model`, `mmproj`, `adapter`, …
    pub kind: Option<String>,
    /// `general.license`
    pub license: Option<String>,
    /// Tokens the model was trained to see at once
    pub context_length: u64,
    /// Width of a token's embedding
    pub embedding_length: u64,
    /// Layers
    pub block_count: u64,
    /// Attention heads
    pub head_count: u64,
    /// Heads with keys and values of their own; the most of any layer where layers differ
    pub head_count_kv: u64,
    /// Those heads summed over all layers
    pub head_count_kv_total: u64,
    /// Width of a head's key
    pub key_length: u64,
    /// Width of a head's value
    pub value_length: u64,
    /// Entries of the vocabulary
    pub vocab_size: u64,
    /// How token embeddings become one: 0 none, 1 mean, 2 first, 3 last, 4 rank
    pub pooling_type: Option<u64>,
    /// `general.file_type`
    pub file_type: Option<u64>,
    /// Name of the file type, such as `Q4_K_M`; read from the tensors where they are BitNet's
    pub quantisation: Option<&'static str>,
    /// Numbers in all tensors of this file
    pub parameters: u64,
    /// Which part of a split model this is, from 0
    pub split_number: u64,
    /// Parts of the model, 1 where it is whole
    pub split_count: u64,
    /// Bytes of the file
    pub file_size: u64,
    /// SHA-256 of the file's chat template, in hexadecimal digits
    pub chat_template_hash: Option<String>,
}

/// A header with the places of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufFile {
    /// What it says about the model
    pub header: GgufHeader,
    /// Every tensor, in the file's order
    pub tensors: Vec<TensorInfo>,
    /// Where the first tensor's bytes begin
    pub data_start: u64,
    /// Number of key-value pairs
    pub value_count: u64,
    /// Where the key-value pairs end and the tensor list begins
    pub values_end: u64,
    /// What tensor offsets are multiples of
    pub alignment: u64,
}

impl GgufHeader {
    /// Reads the header of the file at `path`.
    ///
    /// # Errors
    /// As [`GgufFile::read`].
    pub fn read(path: &Path) -> Result<Self> {
        GgufFile::read(path).map(|file| file.header)
    }

    /// Whether weights are ternary in one of the layouts of Microsoft's fork, which llama.cpp does not read.
    pub fn is_bitnet_fork(&self) -> bool {
        matches!(self.quantisation, Some("I2_S" | "TL1" | "TL2"))
    }
}

impl GgufFile {
    /// Reads the header and tensor list of the file at `path`.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::WrongFormat`] (directories and pipes included),
    /// [`crate::Error::Corrupt`] when the header contradicts itself or the file ends before its tensors do,
    /// [`crate::Error::Unreadable`] when it cannot be opened.
    pub fn read(path: &Path) -> Result<Self> {
        file::parse(path, NAME, Self::parse)
    }

    /// Reads `size` bytes that are a whole file.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn parse<R: Read + Seek>(input: R, size: u64) -> Parsed<Self> {
        let mut reader = Reader::new(input, size, size);
        if reader.left() < 4 || &reader.bytes::<4>()? != MAGIC {
            return Err(Defect::WrongFormat("it does not begin with the letters GGUF".into()));
        }
        let version = reader.u32()?;
        match version {
            2 | 3 => {}
            _ if matches!(version.swap_bytes(), 2 | 3) => {
                return Err(Defect::WrongFormat("it is written for big-endian machines".into()));
            }
            _ => return Err(Defect::WrongFormat(format!("its version is {version}, and we read 2 and 3"))),
        }
        let tensor_count = reader.u64()?;
        let value_count = reader.u64()?;
        let values = Values::read(&mut reader, value_count)?;
        let values_end = reader.position();
        let alignment = values.alignment()?;
        let header = describe(version, size, &values)?;
        let is_fork = header.architecture.starts_with("bitnet");
        let tensors = tensors::read(&mut reader, tensor_count, is_fork)?;
        let data_start = reader.position().next_multiple_of(alignment);
        tensors::check(&tensors, alignment, size.saturating_sub(data_start))?;
        let header = GgufHeader {
            parameters: tensors.iter().map(TensorInfo::elements).fold(0, u64::saturating_add),
            quantisation: fork_quantisation(&tensors).or(header.quantisation),
            ..header
        };
        Ok(Self { header, tensors, data_start, value_count, values_end, alignment })
    }
}

fn describe(version: u32, file_size: u64, values: &Values) -> Parsed<GgufHeader> {
    let split_number = values.number("split.no").unwrap_or(0);
    let is_matrix = values.text("general.type") == Some("imatrix");
    // Later parts of a split model say nothing of the model, and an importance matrix has none.
    let Some(architecture) = values.text("general.architecture").or((split_number > 0 || is_matrix).then_some(""))
    else {
        return corrupt("general.architecture is missing");
    };
    let number = |key: &str| values.number(&format!("{architecture}.{key}")).unwrap_or(0);
    let block_count = number("block_count");
    plausible::check(values, architecture)?;
    let head_count = number("attention.head_count");
    let per_layer = values.numbers(&format!("{architecture}.attention.head_count_kv"));
    let (head_count_kv, head_count_kv_total) = match per_layer {
        Some([one]) => (*one, one.saturating_mul(block_count)),
        Some(many) => {
            (many.iter().copied().max().unwrap_or(0), many.iter().fold(0, |sum: u64, &n| sum.saturating_add(n)))
        }
        None => (head_count, head_count.saturating_mul(block_count)),
    };
    let embedding_length = number("embedding_length");
    let head_width = embedding_length.checked_div(head_count).unwrap_or(0);
    let width = |key: &str| Some(number(key)).filter(|&width| width > 0).unwrap_or(head_width);
    let text = |key: &str| values.text(key).map(str::to_owned);
    let file_type = values.number("general.file_type");
    Ok(GgufHeader {
        version,
        architecture: architecture.to_owned(),
        name: text("general.name"),
        kind: text("general.type"),
        license: text("general.license"),
        context_length: number("context_length"),
        embedding_length,
        block_count,
        head_count,
        head_count_kv,
        head_count_kv_total,
        key_length: width("attention.key_length"),
        value_length: width("attention.value_length"),
        vocab_size: values.array_length("tokenizer.ggml.tokens").unwrap_or_else(|| number("vocab_size")),
        pooling_type: values.number(&format!("{architecture}.pooling_type")),
        file_type,
        quantisation: file_type.and_then(file_type_name),
        parameters: 0,
        split_number,
        split_count: values.number("split.count").unwrap_or(1).max(1),
        file_size,
        chat_template_hash: values.text("tokenizer.chat_template").map(template::hash),
    })
}

/// What Microsoft's fork calls the weights; its type numbers mean something else to ggml, or nothing.
fn fork_quantisation(tensors: &[TensorInfo]) -> Option<&'static str> {
    tensors.iter().find_map(|tensor| tensor.fork_name())
}

#[cfg(test)]
mod tests;
