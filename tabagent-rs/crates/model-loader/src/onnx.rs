//! ONNX: a protobuf message, walked without a schema compiler and without reading weights.
//!
//! Field numbers: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>. What matters before a runtime sees the file:
//! it is well-formed, not nested without end, and every file that its tensors name lies beside it.

use crate::error::{Defect, Parsed, Result, corrupt};
use crate::file;
use crate::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};
use std::path::{Component, Path};

/// Name of the format in messages.
pub(crate) const NAME: &str = "ONNX";
/// Graphs in nodes of graphs, and the messages between them.
const DEEPEST: u32 = 64;
/// Texts longer than this are not kept.
const LONGEST_TEXT: u64 = 4096;
const MOST_FIELDS: u64 = 20_000_000;
const MOST_EXTERNAL_FILES: usize = 4096;
const MOST_OPERATORS: usize = 4096;
const MOST_NAMES: usize = 1024;

/// Facts of an ONNX model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnnxModel {
    /// Version of the format
    pub ir_version: u64,
    /// Who wrote it, such as `pytorch`
    pub producer: Option<String>,
    /// Names of the graph's inputs, initializers among them in old files
    pub inputs: Vec<String>,
    /// Names of the graph's outputs
    pub outputs: Vec<String>,
    /// Kinds of operators in use
    pub operators: BTreeSet<String>,
    /// Numbers in initializers
    pub parameters: u64,
    /// Numbers by `TensorProto.DataType`
    pub types: BTreeMap<u64, u64>,
    /// Files that hold weights, relative to the model's folder
    pub external_files: BTreeSet<String>,
    /// Bytes of the file
    pub file_size: u64,
}

impl OnnxModel {
    /// Reads the model at `path` and checks that the files it names are beside it.
    ///
    /// # Errors
    /// As [`crate::gguf::GgufFile::read`], and [`crate::Error::Unsafe`] for weights anywhere else.
    pub fn read(path: &Path) -> Result<Self> {
        let model = file::parse(path, NAME, Self::parse)?;
        for name in &model.external_files {
            check_place(path, name).map_err(|defect| defect.at(path, NAME))?;
        }
        Ok(model)
    }

    /// Whether a file with these first bytes may be one: its first field is the format's version.
    pub fn begins_like_one(head: &[u8]) -> bool {
        matches!(head, [0x08, 1..=64, ..])
    }

    /// Reads `size` bytes that are a whole file.
    ///
    /// # Errors
    /// What contradicts what; an external file whose name leads away from the model's folder.
    pub fn parse<R: Read + Seek>(input: R, size: u64) -> Parsed<Self> {
        let mut walk = Walk {
            reader: Reader::new(input, size, size),
            model: Self { file_size: size, ..Self::default() },
            fields: 0,
        };
        walk.message(size, 0, Kind::Model)?;
        if walk.model.ir_version == 0 || walk.model.outputs.is_empty() {
            return Err(Defect::WrongFormat("it holds no graph".into()));
        }
        Ok(walk.model)
    }
}

/// The messages we look into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Training,
    Tensor,
    SparseTensor,
    ExternalEntry,
    InputName,
    OutputName,
}

/// The kind of the message in field `number` of a message of kind `parent`.
fn child(parent: Kind, number: u64) -> Option<Kind> {
    Some(match (parent, number) {
        (Kind::Model, 7) => Kind::Graph,
        (Kind::Model, 20) => Kind::Training,
        (Kind::Model, 25) => Kind::Function,
        (Kind::Training, 1 | 2) => Kind::Graph,
        (Kind::Function, 7) | (Kind::Graph, 1) => Kind::Node,
        (Kind::Graph, 5) => Kind::Tensor,
        (Kind::Graph, 11) => Kind::InputName,
        (Kind::Graph, 12) => Kind::OutputName,
        (Kind::Graph, 15) => Kind::SparseTensor,
        (Kind::Node, 5) | (Kind::Function, 11) => Kind::Attribute,
        (Kind::Attribute, 5 | 10) => Kind::Tensor,
        (Kind::Attribute, 6 | 11) => Kind::Graph,
        (Kind::Attribute, 22 | 23) => Kind::SparseTensor,
        (Kind::SparseTensor, 1 | 2) => Kind::Tensor,
        (Kind::Tensor, 13) => Kind::ExternalEntry,
        _ => return None,
    })
}

struct Walk<R> {
    reader: Reader<R>,
    model: OnnxModel,
    fields: u64,
}

/// What a message's fields told, for those that need it whole.
#[derive(Default)]
struct Gathered {
    key: Option<String>,
    value: Option<String>,
    elements: u64,
    data_type: u64,
}

impl<R: Read + Seek> Walk<R> {
    fn message(&mut self, length: u64, depth: u32, kind: Kind) -> Parsed<()> {
        if depth > DEEPEST {
            return corrupt("it is nested too deeply");
        }
        let Some(end_left) = self.reader.left().checked_sub(length) else {
            return corrupt("a message is longer than the file");
        };
        let mut gathered = Gathered { elements: 1, ..Gathered::default() };
        while self.reader.left() > end_left {
            self.field(end_left, depth, kind, &mut gathered)?;
        }
        if self.reader.left() < end_left {
            return corrupt("a field is longer than its message");
        }
        self.finish(kind, depth, gathered)
    }

    fn field(&mut self, end_left: u64, depth: u32, kind: Kind, gathered: &mut Gathered) -> Parsed<()> {
        self.count_field()?;
        let tag = self.varint()?;
        let (number, wire) = (tag >> 3, tag & 7);
        match wire {
            0 => {
                let value = self.varint()?;
                self.number(kind, number, value, gathered);
                Ok(())
            }
            1 => self.reader.skip(8),
            5 => self.reader.skip(4),
            2 => {
                let length = self.varint()?;
                if self.reader.left().checked_sub(length).is_none_or(|left| left < end_left) {
                    return corrupt("a field is longer than its message");
                }
                self.bytes(kind, number, length, depth, gathered)
            }
            _ => Err(Defect::WrongFormat(format!("it has a field of wire type {wire}"))),
        }
    }

    fn count_field(&mut self) -> Parsed<()> {
        self.fields += 1;
        if self.fields > MOST_FIELDS { corrupt("it has too many fields") } else { Ok(()) }
    }

    fn number(&mut self, kind: Kind, number: u64, value: u64, gathered: &mut Gathered) {
        match (kind, number) {
            (Kind::Model, 1) => self.model.ir_version = value,
            (Kind::Tensor, 1) => gathered.elements = gathered.elements.saturating_mul(value),
            (Kind::Tensor, 2) => gathered.data_type = value,
            _ => {}
        }
    }

    fn bytes(&mut self, kind: Kind, number: u64, length: u64, depth: u32, gathered: &mut Gathered) -> Parsed<()> {
        if let Some(child) = child(kind, number) {
            return self.message(length, depth + 1, child);
        }
        match (kind, number) {
            (Kind::Model, 2) => self.model.producer = self.short_text(length)?,
            (Kind::Node, 4) => {
                if let Some(operator) = self.short_text(length)?
                    && self.model.operators.len() < MOST_OPERATORS
                {
                    self.model.operators.insert(operator);
                }
            }
            (Kind::InputName | Kind::OutputName, 1) | (Kind::ExternalEntry, 1) => {
                gathered.key = self.short_text(length)?;
            }
            (Kind::ExternalEntry, 2) => match self.short_text(length)? {
                None => return corrupt("a weight file's name is impossibly long"),
                text => gathered.value = text,
            },
            // Packed dimensions.
            (Kind::Tensor, 1) => {
                let Some(end_left) = self.reader.left().checked_sub(length) else {
                    return corrupt("a field is longer than its message");
                };
                while self.reader.left() > end_left {
                    self.count_field()?;
                    gathered.elements = gathered.elements.saturating_mul(self.varint()?);
                }
            }
            _ => self.reader.skip(length)?,
        }
        Ok(())
    }

    fn finish(&mut self, kind: Kind, depth: u32, gathered: Gathered) -> Parsed<()> {
        // Inputs and outputs of the model's own graph, not of those in its nodes.
        let outermost = depth == 2;
        match (kind, gathered) {
            (Kind::InputName, Gathered { key: Some(name), .. })
                if outermost && self.model.inputs.len() < MOST_NAMES =>
            {
                self.model.inputs.push(name);
            }
            (Kind::OutputName, Gathered { key: Some(name), .. })
                if outermost && self.model.outputs.len() < MOST_NAMES =>
            {
                self.model.outputs.push(name);
            }
            (Kind::ExternalEntry, Gathered { key: Some(key), value: Some(value), .. }) if key == "location" => {
                if self.model.external_files.len() == MOST_EXTERNAL_FILES {
                    return corrupt("it names too many weight files");
                }
                check_name(&value)?;
                self.model.external_files.insert(value);
            }
            (Kind::Tensor, Gathered { elements, data_type, .. }) => {
                self.model.parameters = self.model.parameters.saturating_add(elements);
                let of_type = self.model.types.entry(data_type.min(64)).or_insert(0);
                *of_type = of_type.saturating_add(elements);
            }
            _ => {}
        }
        Ok(())
    }

    fn short_text(&mut self, length: u64) -> Parsed<Option<String>> {
        if length > LONGEST_TEXT {
            self.reader.skip(length)?;
            return Ok(None);
        }
        self.reader.text(length).map(Some)
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.reader.bytes::<1>()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Defect::WrongFormat("it has a number of more than 64 bits".into()))
    }
}

/// A weight file's name: relative, downward, and meaning the same on every system.
fn check_name(name: &str) -> Parsed<()> {
    let refuse = |why: &str| Err(Defect::Unsafe(format!("its weights are to be read from {name:?}, {why}")));
    if name.is_empty() || name.contains(['\0', '\\', ':']) {
        return refuse("which is no plain file name");
    }
    let path = Path::new(name);
    if path.is_absolute() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return refuse("which leads away from its folder");
    }
    Ok(())
}

/// Where a weight file really is: inside the model's folder, or in the blobs of the hub cache that the model is in too.
fn check_place(model: &Path, name: &str) -> Parsed<()> {
    let refuse = |why: &str| Err(Defect::Unsafe(format!("its weight file {name:?} {why}")));
    let folder = model.parent().unwrap_or(Path::new("."));
    let at = folder.join(name);
    let Ok(metadata) = std::fs::metadata(&at) else {
        return corrupt(format!("its weight file {name:?} is missing"));
    };
    if !metadata.is_file() {
        return refuse("is no regular file");
    }
    let (Ok(real), Ok(root)) = (at.canonicalize(), folder.canonicalize()) else {
        return refuse("cannot be followed");
    };
    if let (Some(real), Some(blobs)) = (real.parent(), hub_blobs(&root))
        && real == blobs
    {
        return Ok(());
    }
    if !real.starts_with(&root) {
        return refuse("is a link that leads away from its folder");
    }
    if links(&metadata) > 1 {
        return refuse("is a hard link to a file elsewhere");
    }
    Ok(())
}

/// The folder of blobs that a snapshot of the Hugging Face cache links to.
fn hub_blobs(folder: &Path) -> Option<std::path::PathBuf> {
    let snapshots = folder.ancestors().find(|ancestor| ancestor.ends_with("snapshots"))?;
    snapshots.parent().map(|repository| repository.join("blobs"))
}

#[cfg(unix)]
fn links(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_metadata: &std::fs::Metadata) -> u64 {
    1
}

#[cfg(test)]
mod tests;
