//! Zip archives that are models: PyTorch's weights, MediaPipe's task bundles.

use crate::file;
use crate::model_type::ModelType;
use std::cell::Cell;
use std::io::{BufReader, Error, Read, Result, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

/// Far more entries than any real bundle has.
const MOST_ENTRIES: usize = 100_000;
/// Bytes that are read to find the list of entries and to read it: 16 MiB for as many entries as there may be. The list
/// is searched from the end of the file, through all of it if need be.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// What the archive's entries make of it; `None` where they are nothing we know or it is damaged.
pub(crate) fn kind(path: &Path) -> Option<ModelType> {
    let (file, _) = file::open(path, "zip").ok()?;
    let (file, _) = Bounded::new(file, MOST_BYTES);
    let archive = zip::ZipArchive::new(BufReader::new(file)).ok()?;
    if archive.len() > MOST_ENTRIES {
        return None;
    }
    let has = |wanted: &dyn Fn(&str) -> bool| archive.file_names().flatten().any(|name| wanted(&name));
    if has(&|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
        Some(ModelType::PyTorch)
    } else if has(&|name| name.ends_with(".tflite") || name == "TF_LITE_PREFILL_DECODE" || name == "TOKENIZER_MODEL") {
        Some(ModelType::Task)
    } else {
        None
    }
}

/// A reader that fails after a number of bytes.
pub(crate) struct Bounded<R> {
    input: R,
    left: Rc<Cell<u64>>,
}

impl<R> Bounded<R> {
    /// Returns the reader, and the number of bytes that it may still read.
    pub(crate) fn new(input: R, most: u64) -> (Self, Rc<Cell<u64>>) {
        let left = Rc::new(Cell::new(most));
        (Self { input, left: Rc::clone(&left) }, left)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let count = self.input.read(bytes)?;
        let left = self.left.get().checked_sub(count as u64).ok_or_else(|| Error::other("too long to search"))?;
        self.left.set(left);
        Ok(count)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, position: SeekFrom) -> Result<u64> {
        self.input.seek(position)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_entries_is_not_sought_for_ever() {
        let path = std::env::temp_dir().join(format!("tabagent-archive-{}.task", std::process::id()));
        let file = std::fs::File::create(&path).expect("temporary file");
        // The end of an archive of 65,535 entries, whose other end record must be somewhere before it.
        let end = b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0";
        std::os::unix::fs::FileExt::write_all_at(&file, end, 1 << 36).expect("a sparse file");
        let began = std::time::Instant::now();
        assert_eq!(kind(&path), None);
        assert!(began.elapsed().as_secs() < 10, "it read 64 GiB of nothing");
        std::fs::remove_file(&path).expect("temporary file");
    }
}
