//! What a GGUF file says about itself, read without trusting a word of it.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little-endian. Lengths in the
//! file are checked against the bytes left before anything is allocated, so a bad file costs neither time nor memory.
//! Tensor data is not read. Files whose tensor types this llama.cpp lacks are described all the same; loading refuses them.

mod quantisation;
mod reader;
mod tensors;
mod values;

use crate::error::{Error, Result};
use reader::{Defect, Reader};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use values::Values;

const MAGIC: &[u8; 4] = b"GGUF";

/// Facts of a GGUF file. Numbers that the file does not state are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufHeader {
    /// GGUF version, 2 or 3
    pub version: u32,
    /// `general.architecture`, such as `llama`
    pub architecture: String,
    /// `general.name`
    pub name: Option<String>,
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
    /// `general.file_type`
    pub file_type: Option<u64>,
    /// Name of the file type, such as `Q4_K_M`
    pub quantisation: Option<&'static str>,
    /// Bytes of the file
    pub file_size: u64,
    /// Whether the file carries a chat template
    pub has_chat_template: bool,
}

impl GgufHeader {
    /// Reads the header of the file at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotGguf`] (directories and pipes included), [`Error::Corrupt`] when the header
    /// contradicts itself or the file ends before its tensors do, [`Error::LoadFailed`] when it cannot be opened.
    pub fn read(path: &Path) -> Result<Self> {
        let not_gguf = |reason: &str| Error::NotGguf { path: path.to_owned(), reason: reason.to_owned() };
        let (mut file, size) = open(path)?;
        if size == 0 {
            return Err(not_gguf("it is empty"));
        }
        let mut magic = [0; 4];
        if file.read_exact(&mut magic).is_err() || &magic != MAGIC {
            return Err(not_gguf("it does not begin with the letters GGUF"));
        }
        let mut reader = Reader::new(file, size - MAGIC.len() as u64, size);
        Self::parse(&mut reader, size).map_err(|defect| match defect {
            Defect::NotGguf(reason) => Error::NotGguf { path: path.to_owned(), reason },
            Defect::Corrupt(reason) => Error::Corrupt { path: path.to_owned(), reason },
        })
    }

    fn parse<R: Read + std::io::Seek>(reader: &mut Reader<R>, file_size: u64) -> std::result::Result<Self, Defect> {
        let version = reader.u32()?;
        match version {
            2 | 3 => {}
            _ if matches!(version.swap_bytes(), 2 | 3) => {
                return Err(Defect::NotGguf("it is written for big-endian machines".into()));
            }
            _ => return Err(Defect::NotGguf(format!("its version is {version}, and we read 2 and 3"))),
        }
        let tensor_count = reader.u64()?;
        let value_count = reader.u64()?;
        let values = Values::read(reader, value_count)?;
        tensors::check(reader, tensor_count, values.alignment()?)?;
        Self::from_values(version, file_size, &values)
    }

    fn from_values(version: u32, file_size: u64, values: &Values) -> std::result::Result<Self, Defect> {
        let architecture = values
            .text("general.architecture")
            .ok_or_else(|| Defect::Corrupt("general.architecture is missing".into()))?
            .to_owned();
        let number = |key: &str| values.number(&format!("{architecture}.{key}")).unwrap_or(0);
        let block_count = number("block_count");
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
        let file_type = values.number("general.file_type");
        Ok(Self {
            version,
            name: values.text("general.name").map(str::to_owned),
            context_length: number("context_length"),
            embedding_length,
            block_count,
            head_count,
            head_count_kv,
            head_count_kv_total,
            key_length: width("attention.key_length"),
            value_length: width("attention.value_length"),
            vocab_size: values.array_length("tokenizer.ggml.tokens").unwrap_or_else(|| number("vocab_size")),
            file_type,
            quantisation: file_type.and_then(quantisation::name),
            file_size,
            has_chat_template: values.has("tokenizer.chat_template"),
            architecture,
        })
    }
}

/// Opens a regular file. The kind is looked at first, because opening a pipe would wait for a writer.
fn open(path: &Path) -> Result<(File, u64)> {
    let not_gguf = |reason: &str| Error::NotGguf { path: path.to_owned(), reason: reason.to_owned() };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound { path: path.to_owned() },
        _ => Error::LoadFailed { path: path.to_owned(), reason: error.to_string() },
    };
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return Err(not_gguf("it is a directory"));
    }
    if !kind.is_file() {
        return Err(not_gguf("it is not a regular file"));
    }
    Ok((File::open(path).map_err(failed)?, kind.len()))
}

#[cfg(test)]
mod tests;
