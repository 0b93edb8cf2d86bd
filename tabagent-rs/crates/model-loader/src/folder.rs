//! Files of folders that may hold any number of items, and links that lead back to where they are.

use crate::error::{Error, Result};
use crate::model_type::ModelType;
use crate::names;
use crate::package::Entry;
use std::path::{Path, PathBuf};

/// Items of all folders that one walk looks at. A walk of as many takes about a second.
const MOST_ITEMS: usize = 200_000;
/// Files with the name of a model that are kept, and as many others.
const MOST_FILES: usize = 10_000;
/// Files with unusable names that are remembered.
const MOST_LEFT_OUT: usize = 100;
/// Folders below the first one whose files may belong to its model.
const DEEPEST_PART: usize = 3;
/// Folders below the first one that are searched for models: `organisation/name/onnx`, and one more.
const DEEPEST_SEARCH: usize = 4;

/// Returns the regular files of a folder.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn files(folder: &Path) -> Result<Vec<Entry>> {
    Ok(Walk::default().read(folder, "")?.files)
}

/// Returns the regular files of a folder and the folders in it, by their paths from the first one.
///
/// What cannot be read of the inner folders is left out.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn all_files(folder: &Path) -> Result<Vec<Entry>> {
    let (mut walk, mut entries) = (Walk::default(), Vec::new());
    walk.collect(folder, "", &mut entries)?;
    Ok(entries)
}

/// Calls `each` with a folder and its files, then with every readable folder in it.
///
/// Returns the files with the extension of a model whose names are left out, at most `MOST_LEFT_OUT`.
pub(crate) fn visit(folder: &Path, mut each: impl FnMut(&Path, &[Entry])) -> Vec<PathBuf> {
    let mut walk = Walk::default();
    walk.visit(folder, &mut each);
    walk.left_out
}

/// A walk through folders.
#[derive(Default)]
struct Walk {
    items: usize,
    models: usize,
    others: usize,
    left_out: Vec<PathBuf>,
    /// The folders that the current one is in, without links
    ancestors: Vec<PathBuf>,
}

/// What a folder holds.
struct Listing {
    files: Vec<Entry>,
    folders: Vec<PathBuf>,
}

impl Walk {
    fn collect(&mut self, folder: &Path, prefix: &str, entries: &mut Vec<Entry>) -> Result<()> {
        let listing = self.read(folder, prefix)?;
        entries.extend(listing.files);
        if self.ancestors.len() < DEEPEST_PART && self.enter(folder) {
            for inner in listing.folders {
                // A name that another system would read as a path is no part of a model.
                if let Some(name) = portable_name(&inner) {
                    self.collect(&inner, &format!("{prefix}{name}/"), entries).unwrap_or_default();
                }
            }
            self.ancestors.pop();
        }
        Ok(())
    }

    fn visit(&mut self, folder: &Path, each: &mut impl FnMut(&Path, &[Entry])) {
        self.others = 0;
        let Ok(listing) = self.read(folder, "") else { return };
        each(folder, &listing.files);
        if self.ancestors.len() < DEEPEST_SEARCH && self.enter(folder) {
            for inner in listing.folders {
                self.visit(&inner, each);
            }
            self.ancestors.pop();
        }
    }

    /// Returns false for a folder that a link in itself led to. Else the caller leaves it with `ancestors.pop()`.
    fn enter(&mut self, folder: &Path) -> bool {
        let Ok(real) = folder.canonicalize() else { return false };
        let is_new = !self.ancestors.contains(&real);
        if is_new {
            self.ancestors.push(real);
        }
        is_new
    }

    /// Reads one folder. Links are followed, as the hub's cache consists of them; what leads nowhere is no file.
    fn read(&mut self, folder: &Path, prefix: &str) -> Result<Listing> {
        let unreadable =
            |error: std::io::Error| Error::Unreadable { path: folder.to_owned(), reason: error.to_string() };
        let mut listing = Listing { files: Vec::new(), folders: Vec::new() };
        for item in std::fs::read_dir(folder).map_err(unreadable)? {
            if self.items == MOST_ITEMS {
                break;
            }
            self.items += 1;
            let path = item.map_err(unreadable)?.path();
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_dir() {
                listing.folders.push(path);
            } else if metadata.is_file() {
                match portable_name(&path) {
                    Some(name) if self.keeps(name) => {
                        let path = format!("{prefix}{name}");
                        listing.files.push(Entry { path, size: Some(metadata.len()), ..Entry::default() });
                    }
                    Some(_) => {}
                    None => self.leave_out(path),
                }
            }
        }
        Ok(listing)
    }

    fn leave_out(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if self.left_out.len() < MOST_LEFT_OUT && ModelType::by_name(&name) != ModelType::Unknown {
            self.left_out.push(path);
        }
    }

    /// Counts a file. Models count apart, so that no number of other files hides them.
    fn keeps(&mut self, name: &str) -> bool {
        let is_model = ModelType::by_name(name) != ModelType::Unknown;
        let kept = if is_model { &mut self.models } else { &mut self.others };
        *kept += 1;
        *kept <= MOST_FILES
    }
}

/// Returns the last part of a path, unless another system would read this name as a path.
fn portable_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str().filter(|name| names::escapes(name).is_none())
}

#[cfg(test)]
mod tests;
