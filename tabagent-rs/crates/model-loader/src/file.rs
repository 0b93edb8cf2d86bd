//! Opening files without being held up or led elsewhere by what is at their path.

use crate::error::{Error, Parsed, Result};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Metadata of what is at `path`, symbolic links followed.
pub(crate) fn look(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), reason: error.to_string() },
    })
}

/// Opens a regular file and returns it with its size. Its kind is checked before, as opening a device may do something,
/// and after, as the file may have been replaced meanwhile. Opening does not wait for the writer of a pipe.
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
    let unreadable = |error: std::io::Error| Error::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let file = at_once().read(true).open(path).map_err(unreadable)?;
    let kind = file.metadata().map_err(unreadable)?;
    if !kind.is_file() {
        return Err(wrong("it is not a regular file"));
    }
    Ok((file, kind.len()))
}

#[cfg(target_os = "linux")]
fn at_once() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    const O_NONBLOCK: i32 = 0o4000;
    let mut options = OpenOptions::new();
    options.custom_flags(O_NONBLOCK);
    options
}

#[cfg(not(target_os = "linux"))]
fn at_once() -> OpenOptions {
    OpenOptions::new()
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
