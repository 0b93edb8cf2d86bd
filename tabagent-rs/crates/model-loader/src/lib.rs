//! What a model is and what can run it.
//!
//! [`detect`] looks at a file, a folder or a repository of the hub; [`rank`] says which engines can run it. Nothing here
//! trusts a byte: readers check every length against what is left, keep little, and run nothing.
#![forbid(unsafe_code)]

mod archive;
mod auto_map;
mod bitnet;
mod config;
mod config_sizes;
mod detection;
mod error;
mod file;
mod folder;
mod genai;
pub mod gguf;
mod hub;
mod json;
mod local;
mod memory;
mod model_type;
mod names;
mod neighbours;
mod onnx;
mod package;
mod pytorch;
mod reader;
mod reference;
mod routing;
mod safetensors;
mod shard_index;
mod task;
mod template;
mod tokenizer_file;

pub use detection::{Detection, Obstacle};
pub use error::{Defect, Error, Parsed, Result};
pub use hub::{DEFAULT_ENDPOINT, Hub};
pub use local::{Found, default_context_length, find_models, rewrite_pickled};
pub use memory::{BATCH, MemoryPlan, estimate};
pub use model_type::ModelType;
pub use names::{escapes, unportable};
pub use onnx::OnnxModel;
pub use package::{Entry, Package, find, find_all};
pub use pytorch::{PickledTensor, PickledWeights};
pub use reference::Reference;
pub use routing::{Candidate, Circumstances, Engine, Language, rank};
pub use safetensors::SafetensorsHeader;
pub use task::{FEATURE_EXTRACTION, TEXT_RANKING, of_gguf as task_of_gguf};

use std::path::Path;

/// What the caller wants to know a model for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// Tokens that memory is planned for; the model's own where `None`
    pub context_length: Option<u32>,
    /// Whether pickled weights may be read, by [`PickledWeights`]
    pub allow_pickle: bool,
}

/// Describes a model: a file, a folder, or a repository of the hub.
///
/// A path that exists is meant before a repository of the same name.
///
/// # Errors
/// [`Error`]: nothing there, damaged, refused, or no answer.
pub fn detect(source: &str, hub: &Hub, inquiry: Inquiry) -> Result<Detection> {
    let path = Path::new(source);
    if path.exists() {
        return local::detect(path, inquiry);
    }
    let looks_like_a_path = path.is_absolute() || source.starts_with('.') || source.contains('\\');
    match Reference::parse(source, &hub.endpoint) {
        Ok(reference) if !looks_like_a_path => {
            Ok(Detection { source: source.to_owned(), ..hub.detect(&reference, inquiry)? })
        }
        _ if looks_like_a_path || ModelType::by_name(source) != ModelType::Unknown => {
            Err(Error::NotFound { path: path.to_owned() })
        }
        Err(error) => Err(error),
        Ok(_) => Err(Error::NotFound { path: path.to_owned() }),
    }
}
