//! Everything that can go wrong, as types. Messages say what to do next where there is something to do.

use std::path::PathBuf;

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of loading or generating.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is missing, of another format, or damaged.
    #[error(transparent)]
    File(#[from] model_loader::Error),
    /// A model of an architecture that the engine does not implement.
    #[error("{}: this version does not know the architecture \"{architecture}\"", path.display())]
    UnknownArchitecture {
        /// The file
        path: PathBuf,
        /// `general.architecture`
        architecture: String,
    },
    /// Weights, KV cache and workspace do not fit.
    #[error(
        "{} needs about {needed} bytes of memory and {available} are available; choose a smaller model or context length",
        path.display()
    )]
    InsufficientMemory {
        /// The file
        path: PathBuf,
        /// Bytes needed
        needed: u64,
        /// Bytes available
        available: u64,
    },
    /// The CPU module could not be used.
    #[error("cannot use the CPU module {}: {reason}", path.display())]
    LibraryLoad {
        /// The module
        path: PathBuf,
        /// Why not
        reason: String,
    },
    /// The engine refused the model.
    #[error("cannot load {}: {reason}", path.display())]
    LoadFailed {
        /// The file
        path: PathBuf,
        /// Why
        reason: String,
    },
    /// There is nothing that turns text into tokens.
    #[error("no tokenizer for {}: {reason}", path.display())]
    NoTokenizer {
        /// The model
        path: PathBuf,
        /// What is missing and what to do
        reason: String,
    },
    /// The device cannot be used.
    #[error("cannot compute on {device}: {reason}")]
    Device {
        /// As it was asked for
        device: &'static str,
        /// Why not and what to do
        reason: String,
    },
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt_tokens} tokens and the context holds {context_length}; shorten the prompt")]
    ContextOverflow {
        /// Tokens in the prompt; a lower bound when the text was refused before tokenising
        prompt_tokens: u64,
        /// Tokens the context holds
        context_length: u32,
    },
    /// The model was made for something else.
    #[error("this model does not {action}; it can {can}")]
    WrongTask {
        /// What was asked of it
        action: &'static str,
        /// What it was made for
        can: &'static str,
    },
    /// A parameter out of its range.
    #[error("{name} {reason}")]
    InvalidParameter {
        /// The parameter
        name: &'static str,
        /// What is wrong with its value
        reason: String,
    },
    /// Decoding failed.
    #[error("generation failed: {reason}")]
    GenerationFailed {
        /// Why
        reason: String,
    },
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The model is closed.
    #[error("the model is closed")]
    Closed,
}

impl Error {
    /// An [`Error::InvalidParameter`].
    pub fn invalid(name: &'static str, reason: impl Into<String>) -> Self {
        Error::InvalidParameter { name, reason: reason.into() }
    }
}
