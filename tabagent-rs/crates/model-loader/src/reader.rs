//! Little-endian primitives that never read or allocate beyond the end of the file.

use crate::error::{Defect, Parsed, corrupt};
use std::io::{BufReader, Read, Seek};

/// Reads forward through a file, counting the bytes left.
pub(crate) struct Reader<R> {
    input: BufReader<R>,
    left: u64,
    size: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// `left` bytes of a file of `size` bytes remain in `input`.
    pub(crate) fn new(input: R, left: u64, size: u64) -> Self {
        let capacity = size.min(256 * 1024) as usize;
        Self { input: BufReader::with_capacity(capacity, input), left, size }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Bytes from the beginning of the file.
    pub(crate) fn position(&self) -> u64 {
        self.size - self.left
    }

    fn take(&mut self, length: u64) -> Parsed<()> {
        self.left = self.left.checked_sub(length).ok_or_else(ends_early)?;
        Ok(())
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|_| ends_early())?;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Parsed<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Parsed<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// An integer of `width` bytes (1, 2, 4 or 8), zero- or sign-extended.
    pub(crate) fn integer(&mut self, width: u64, signed: bool) -> Parsed<i128> {
        Ok(match (width, signed) {
            (1, false) => u8::from_le_bytes(self.bytes()?).into(),
            (1, true) => i8::from_le_bytes(self.bytes()?).into(),
            (2, false) => u16::from_le_bytes(self.bytes()?).into(),
            (2, true) => i16::from_le_bytes(self.bytes()?).into(),
            (4, false) => u32::from_le_bytes(self.bytes()?).into(),
            (4, true) => i32::from_le_bytes(self.bytes()?).into(),
            (_, false) => u64::from_le_bytes(self.bytes()?).into(),
            (_, true) => i64::from_le_bytes(self.bytes()?).into(),
        })
    }

    pub(crate) fn skip(&mut self, length: u64) -> Parsed<()> {
        self.take(length)?;
        let length = i64::try_from(length).map_err(|_| ends_early())?;
        self.input.seek_relative(length).map_err(|_| ends_early())
    }

    /// A string of at most `limit` bytes, behind its length as u64.
    pub(crate) fn string(&mut self, what: &str, limit: u64) -> Parsed<String> {
        let length = self.u64()?;
        if length > limit {
            return corrupt(format!("{what} of {length} bytes"));
        }
        self.text(length)
    }

    /// The next `length` bytes as text; U+FFFD for what is no UTF-8.
    pub(crate) fn text(&mut self, length: u64) -> Parsed<String> {
        Ok(String::from_utf8_lossy(&self.take_bytes(length)?).into_owned())
    }

    /// The next `length` bytes. Callers limit `length`.
    pub(crate) fn take_bytes(&mut self, length: u64) -> Parsed<Vec<u8>> {
        self.take(length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| ends_early())?];
        self.input.read_exact(&mut bytes).map_err(|_| ends_early())?;
        Ok(bytes)
    }
}

pub(crate) fn ends_early() -> Defect {
    Defect::Corrupt("the file ends early".into())
}
