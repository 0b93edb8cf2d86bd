//! Where in a file its pickle and its storages are.

use super::machine::Machine;
use super::values::{Id, Node};
use crate::archive::{self, Bounded};
use crate::error::{Defect, Parsed, corrupt};
use crate::reader::Reader;
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

/// `torch.serialization.MAGIC_NUMBER`, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const LEGACY_VERSION: i64 = 1001;
const LARGEST_PICKLE: u64 = 64 << 20;
const MOST_ENTRIES: usize = 100_000;

/// Storage → where it begins, and its bytes.
pub(super) struct Layout(HashMap<String, (u64, u64)>);

impl Layout {
    /// Runs the file's pickle in `machine`: where its result is, and where the storages are.
    pub(super) fn read(mut input: impl Read + Seek, size: u64, machine: &mut Machine) -> Parsed<(Id, Self)> {
        let mut head = [0; 4];
        let is_archive = input.read_exact(&mut head).is_ok() && head == *b"PK\x03\x04";
        input.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        if is_archive { Self::of_archive(input, machine) } else { Self::of_legacy(input, size, machine) }
    }

    /// Where a storage begins in the file, and its bytes.
    pub(super) fn place(&self, key: &str) -> Parsed<(u64, u64)> {
        match self.0.get(key) {
            Some(&place) => Ok(place),
            None => corrupt(format!("the storage {key:?} is missing")),
        }
    }

    /// A zip archive: `name/data.pkl`, `name/data/KEY`, all stored as they are.
    fn of_archive(input: impl Read + Seek, machine: &mut Machine) -> Parsed<(Id, Self)> {
        let damaged = |error: zip::result::ZipError| Defect::Corrupt(format!("its archive is damaged: {error}"));
        let (input, left) = Bounded::new(input, archive::MOST_BYTES);
        let mut archive = zip::ZipArchive::new(input).map_err(damaged)?;
        left.set(u64::MAX); // what follows reads a few bytes of each entry
        if archive.len() > MOST_ENTRIES {
            return corrupt("its archive has too many entries");
        }
        let (mut pickle, mut prefix, mut entries) = (None, String::new(), Vec::new());
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            if entry.compression() != zip::CompressionMethod::Stored {
                return corrupt(format!("{name:?} in its archive is compressed, which torch never does"));
            }
            let Some(begin) = entry.data_start() else { return corrupt("an entry of its archive has no place") };
            if let Some(folder) =
                name.strip_suffix("data.pkl").filter(|folder| folder.is_empty() || folder.ends_with('/'))
            {
                pickle = Some((begin, entry.size()));
                prefix = format!("{folder}data/");
            }
            entries.push((name, (begin, entry.size())));
        }
        let storages =
            entries.into_iter().filter_map(|(name, place)| Some((name.strip_prefix(&prefix)?.to_owned(), place)));
        let storages = Self(storages.collect());
        let Some((begin, size)) = pickle.filter(|(_, size)| *size <= LARGEST_PICKLE) else {
            return corrupt("its archive has no pickle of a sane size");
        };
        let mut input = archive.into_inner();
        input.seek(SeekFrom::Start(begin)).map_err(unreadable)?;
        let root = machine.run(&mut Reader::new(input, size, size))?;
        Ok((root, storages))
    }

    /// Before PyTorch 1.6: four pickles, then the keys of the storages, then each with its length before it.
    fn of_legacy(input: impl Read + Seek, size: u64, machine: &mut Machine) -> Parsed<(Id, Self)> {
        let mut reader = Reader::new(input, size, size);
        let magic = machine.run(&mut reader)?;
        if *machine.node(magic) != Node::Long(MAGIC.to_vec()) {
            return corrupt("it does not begin as PyTorch's files do");
        }
        let version = machine.run(&mut reader)?;
        if *machine.node(version) != Node::Int(LEGACY_VERSION) {
            return corrupt("it is of a version that we do not know");
        }
        machine.run(&mut reader)?; // facts about the machine that wrote it
        let root = machine.run(&mut reader)?;
        let keys = machine.run(&mut reader)?;
        let widths: HashMap<&str, u64> = machine.storages().map(|it| (machine.text(it.key), it.width)).collect();
        let Node::List(keys) = machine.node(keys) else { return corrupt("it does not list its storages") };
        let mut places = HashMap::new();
        for &key in keys {
            let Node::Text(key) = machine.node(key) else { return corrupt("a storage has no name") };
            let elements = reader.u64()?;
            let bytes = widths.get(key.as_str()).and_then(|width| elements.checked_mul(*width));
            let Some(bytes) = bytes else { return corrupt(format!("nobody tells the type of the storage {key:?}")) };
            places.insert(key.clone(), (reader.position(), bytes));
            reader.skip(bytes)?;
        }
        Ok((root, Self(places)))
    }
}

fn unreadable(error: std::io::Error) -> Defect {
    Defect::Corrupt(format!("it cannot be read: {error}"))
}
