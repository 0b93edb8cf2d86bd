//! What can be wrong with a model before anything runs it.

use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of looking at a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing there.
    #[error("no model at {}", path.display())]
    NotFound {
        /// The file or folder asked for
        path: PathBuf,
    },
    /// It is there and cannot be opened.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file
        path: PathBuf,
        /// What the operating system says
        reason: String,
    },
    /// Something is there, but not a file of this format.
    #[error("{} is not a {format} file: {reason}", path.display())]
    WrongFormat {
        /// The file
        path: PathBuf,
        /// The format that was expected
        format: &'static str,
        /// What it is instead
        reason: String,
    },
    /// Its content contradicts itself, ends early, or exceeds every sane limit.
    #[error("{} is damaged: {reason}; download it again", path.display())]
    Corrupt {
        /// The file
        path: PathBuf,
        /// The first contradiction found
        reason: String,
    },
    /// It would read other files or run code.
    #[error("{} is refused: {reason}", path.display())]
    Unsafe {
        /// The file
        path: PathBuf,
        /// What it would do
        reason: String,
    },
    /// The name of a model that is none.
    #[error("{name:?} names no model: {reason}")]
    BadName {
        /// As it was given
        name: String,
        /// What is wrong
        reason: String,
    },
    /// The hub did not answer with the model's metadata.
    #[error("the hub at {endpoint} did not describe {repository}: {reason}")]
    Hub {
        /// Where it was asked
        endpoint: String,
        /// `organisation/name`
        repository: String,
        /// What it said
        reason: String,
        /// HTTP status, where there was an answer
        status: Option<u16>,
    },
}

/// What is wrong with bytes whose path the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// They are something else
    WrongFormat(String),
    /// They contradict themselves or end early
    Corrupt(String),
    /// They would read other files or run code
    Unsafe(String),
}

impl Defect {
    /// The error of the file at `path`, which was read as `format`.
    pub fn at(self, path: &Path, format: &'static str) -> Error {
        let path = path.to_owned();
        match self {
            Defect::WrongFormat(reason) => Error::WrongFormat { path, format, reason },
            Defect::Corrupt(reason) => Error::Corrupt { path, reason },
            Defect::Unsafe(reason) => Error::Unsafe { path, reason },
        }
    }
}

/// `Result` of code that reads bytes.
pub type Parsed<T> = std::result::Result<T, Defect>;

/// A [`Defect::Corrupt`].
pub(crate) fn corrupt<T>(reason: impl Into<String>) -> Parsed<T> {
    Err(Defect::Corrupt(reason.into()))
}
