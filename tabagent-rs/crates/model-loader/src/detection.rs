//! What a model is, put together from its files or from what the hub says of it.

use crate::memory::MemoryPlan;
use crate::model_type::ModelType;
use crate::package::Entry;
use std::path::PathBuf;

/// What is known of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// As it was asked for
    pub source: String,
    /// The file that an engine opens, or whose folder it opens; absent for a model of the hub
    pub path: Option<PathBuf>,
    /// `organisation/name` on the hub
    pub repository: Option<String>,
    /// The branch, tag or commit of the hub that was asked for
    pub revision: Option<String>,
    /// The commit that the hub's metadata describes
    pub commit: Option<String>,
    /// The kind of its files
    pub model_type: Option<ModelType>,
    /// Such as `llama`
    pub architecture: Option<String>,
    /// In the hub's words, such as `text-generation`
    pub task: Option<String>,
    /// Such as `Q4_K_M` or `BF16`
    pub quantisation: Option<String>,
    /// Numbers in all tensors
    pub parameters: Option<u64>,
    /// Tokens it was trained to see at once
    pub context_length: Option<u64>,
    /// Its files, the entry first
    pub files: Vec<Entry>,
    /// SHA-256 of its chat template, in hexadecimal digits
    pub chat_template_hash: Option<String>,
    /// Such as `apache-2.0`
    pub license: Option<String>,
    /// Why the hub will not hand it to everybody: `auto` or `manual`
    pub gated: Option<String>,
    /// What it needs to run
    pub memory: Option<MemoryPlan>,
    /// The context length that `memory` is meant for
    pub planned_context_length: Option<u64>,
    /// What stands in the way of every engine
    pub obstacles: Vec<Obstacle>,
    /// What to do with a kind that no engine takes
    pub conversion: Option<String>,
}

/// Something that stands in the way of running a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// A code of PROTOCOL.md
    pub code: &'static str,
    /// What it is and what to do about it
    pub message: String,
}

impl Obstacle {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Detection {
    /// Bytes of all its files, where each is known.
    pub fn size(&self) -> Option<u64> {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The kind of its files.
    pub fn model_type(&self) -> ModelType {
        self.model_type.unwrap_or(ModelType::Unknown)
    }

    pub(crate) fn hinder(&mut self, code: &'static str, message: impl Into<String>) {
        self.obstacles.push(Obstacle::new(code, message));
    }
}

/// Why pickled weights are refused until someone allows them.
pub(crate) const PICKLED: &str = "Pickled weights can run code when they are opened. Take its safetensors or GGUF, or \
    set allow_pickle for this model: then only the numbers are read, and nothing in it is run.";

/// What a kind of file that no engine takes can be made into.
pub(crate) fn conversion(model_type: ModelType, name: &str) -> Option<String> {
    Some(match model_type {
        ModelType::TensorFlow => {
            format!(
                "LiteRT and ONNX models run. Convert it: python -m tf2onnx.convert --saved-model {name} --output model.onnx"
            )
        }
        ModelType::Unknown => "GGUF, safetensors, ONNX, TFLite, .task and .litertlm models run.".to_owned(),
        _ => return None,
    })
}
