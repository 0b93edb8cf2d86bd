//! The kinds of model files, told by their content first and their name second.

use crate::archive;
use crate::error::Result;
use crate::file;
use crate::gguf;
use crate::onnx::OnnxModel;
use std::io::Read;
use std::path::Path;

/// What kind of model something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelType {
    /// llama.cpp's format
    Gguf,
    /// GGUF in a ternary layout that only Microsoft's fork of llama.cpp reads
    BitNet,
    /// Weights without code, with Hugging Face's `config.json`
    Safetensors,
    /// Pickled weights: `pytorch_model.bin`, `.pt`, `.pth`
    PyTorch,
    /// A frozen graph, a SavedModel, Keras' HDF5
    TensorFlow,
    /// An ONNX graph
    Onnx,
    /// An ONNX graph with the `genai_config.json` of onnxruntime-genai
    OnnxGenai,
    /// A LiteRT (TensorFlow Lite) graph
    Tflite,
    /// MediaPipe's bundle of graphs
    Task,
    /// LiteRT-LM's language model bundle
    LitertLm,
    /// Anything else
    Unknown,
}

impl ModelType {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Gguf,
        Self::BitNet,
        Self::Safetensors,
        Self::PyTorch,
        Self::TensorFlow,
        Self::Onnx,
        Self::OnnxGenai,
        Self::Tflite,
        Self::Task,
        Self::LitertLm,
        Self::Unknown,
    ];

    /// Its name in messages and descriptors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::BitNet => "bitnet",
            Self::Safetensors => "safetensors",
            Self::PyTorch => "pytorch",
            Self::TensorFlow => "tensorflow",
            Self::Onnx => "onnx",
            Self::OnnxGenai => "onnx-genai",
            Self::Tflite => "tflite",
            Self::Task => "task",
            Self::LitertLm => "litertlm",
            Self::Unknown => "unknown",
        }
    }

    /// What a file's name alone says.
    pub fn by_name(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        if name == "saved_model.pb" {
            return Self::TensorFlow;
        }
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("gguf") => Self::Gguf,
            Some("safetensors") => Self::Safetensors,
            Some("pt" | "pth" | "ckpt") => Self::PyTorch,
            Some("bin") if name.contains("pytorch_model") => Self::PyTorch,
            Some("pb" | "h5" | "keras") => Self::TensorFlow,
            Some("onnx") => Self::Onnx,
            Some("tflite") => Self::Tflite,
            Some("task") => Self::Task,
            Some("litertlm") => Self::LitertLm,
            _ => Self::Unknown,
        }
    }

    /// What a file is, by its first bytes; by its name where they tell nothing.
    ///
    /// # Errors
    /// It is not there, cannot be opened, or is no regular file.
    pub fn of_file(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy();
        let (mut file, size) = file::open(path, "model")?;
        let mut head = Vec::new();
        // What cannot be read tells nothing; whoever opens the file next says why.
        let _ = file.by_ref().take(64).read_to_end(&mut head);
        Ok(match Self::by_magic(&head, size) {
            Some(Self::Task) => archive::kind(path).unwrap_or(Self::by_name(&name)),
            Some(kind) => kind,
            None if OnnxModel::begins_like_one(&head) && OnnxModel::read(path).is_ok() => Self::Onnx,
            None => Self::by_name(&name),
        })
    }

    /// Zip archives answer [`Self::Task`]: their entries tell more.
    fn by_magic(head: &[u8], size: u64) -> Option<Self> {
        let length = head.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        match head {
            _ if head.starts_with(gguf::MAGIC) => Some(Self::Gguf),
            _ if head.starts_with(b"LITERTLM") => Some(Self::LitertLm),
            _ if head.get(4..8) == Some(b"TFL3") => Some(Self::Tflite),
            _ if head.starts_with(b"PK\x03\x04") => Some(Self::Task),
            _ if head.starts_with(b"\x89HDF\r\n\x1a\n") => Some(Self::TensorFlow),
            // A pickle begins with its protocol's number.
            [0x80, 2..=5, ..] => Some(Self::PyTorch),
            [_, _, _, _, _, _, _, _, b'{', ..] if length.is_some_and(|length| length < size) => Some(Self::Safetensors),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        let expected = [
            ("a.GGUF", ModelType::Gguf),
            ("model.SafeTensors", ModelType::Safetensors),
            ("pytorch_model-00001-of-00002.bin", ModelType::PyTorch),
            ("rope_factors.bin", ModelType::Unknown),
            ("x.pth", ModelType::PyTorch),
            ("saved_model.pb", ModelType::TensorFlow),
            ("graph.pb", ModelType::TensorFlow),
            ("onnx/model.onnx", ModelType::Onnx),
            ("yamnet.tflite", ModelType::Tflite),
            ("hand_landmarker.task", ModelType::Task),
            ("gemma.litertlm", ModelType::LitertLm),
            ("README", ModelType::Unknown),
            ("", ModelType::Unknown),
        ];
        for (name, kind) in expected {
            assert_eq!(ModelType::by_name(name), kind, "{name}");
        }
    }

    #[test]
    fn content_is_believed_before_the_name() {
        let magic = |head: &[u8]| ModelType::by_magic(head, 1000);
        assert_eq!(magic(b"GGUF\x03\0\0\0"), Some(ModelType::Gguf));
        assert_eq!(magic(b"\x1c\0\0\0TFL3"), Some(ModelType::Tflite));
        assert_eq!(magic(b"LITERTLM\x01\0\0\0"), Some(ModelType::LitertLm));
        assert_eq!(magic(b"\x80\x02}q"), Some(ModelType::PyTorch));
        assert_eq!(magic(b"\x40\0\0\0\0\0\0\0{\"a\""), Some(ModelType::Safetensors));
        assert_eq!(magic(b"\xff\xff\xff\xff\0\0\0\0{\"a\""), None, "longer than the file");
        assert_eq!(magic(b"<html>"), None);
        assert_eq!(magic(b""), None);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = ModelType::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ModelType::ALL.len());
    }
}
