//! Opening files without being held up or led elsewhere by what is at their path.

use crate::error::{Error, Parsed, Result};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Metadata of what is at `path`, symbolic links followed.
pub(crate) fn look(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), reason: error.to_string() },
    })
}

/// Opens a regular file and tells its size. The kind is looked at first: opening a pipe would wait for a writer.
pub(crate) fn open(path: &Path, format: &'static str) -> Result<(File, u64)> {
    let kind = look(path)?;
    let wrong = |reason: &str| Error::WrongFormat { path: path.to_owned(), format, reason: reason.to_owned() };
    if kind.is_dir() {
        return Err(wrong("it is a directory"));
    }
    if !kind.is_file() {
        return Err(wrong("it is not a regular file"));
    }
    if kind.len() == 0 {
        return Err(wrong("it is empty"));
    }
    let file =
        File::open(path).map_err(|error| Error::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    Ok((file, kind.len()))
}

/// Opens a file and has `parse` read it.
pub(crate) fn parse<T>(path: &Path, format: &'static str, parse: impl FnOnce(File, u64) -> Parsed<T>) -> Result<T> {
    let (file, size) = open(path, format)?;
    parse(file, size).map_err(|defect| defect.at(path, format))
}

/// The whole of a small text file; `None` when there is none, it is larger than `limit`, or it is no UTF-8.
pub(crate) fn small_text(path: &Path, limit: u64) -> Option<String> {
    let (file, size) = open(path, "text").ok()?;
    if size > limit {
        return None;
    }
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text).ok()?;
    Some(text)
}
