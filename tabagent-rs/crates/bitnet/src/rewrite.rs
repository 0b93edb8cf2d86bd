//! A whole file.

use crate::pack::{I2_S_BYTES, TQ2_0_BYTES, repack_block};
use model_loader::gguf::{GgufFile, TensorInfo};
use model_loader::{Error, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

const F32: u32 = 0;
const TQ2_0: u32 = 35;
/// `LLAMA_FTYPE_MOSTLY_TQ2_0`.
const FILE_TYPE: u32 = 37;
const UINT32: u32 = 4;
/// Magic, version, number of tensors, number of values.
const VALUES_BEGIN: u64 = 4 + 4 + 8 + 8;
const ROW: u64 = 256;

/// A tensor of the new file.
enum Part<'a> {
    /// As it was
    Same(&'a TensorInfo),
    /// I2_S to TQ2_0
    Repacked(&'a TensorInfo),
    /// The scale of an I2_S tensor
    Scale(&'a TensorInfo),
}

/// Writes the model at `from` with every I2_S tensor repacked to `to`, which appears when it is whole.
///
/// # Errors
/// [`Error::Unsafe`] when a row does not divide into blocks; else what cannot be read or written.
pub fn repack(from: &Path, to: &Path) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Error::Unreadable { path, reason: error.to_string() }
    };
    let model = GgufFile::read(from)?;
    let is_packed = |tensor: &TensorInfo| tensor.fork_name() == Some("I2_S");
    if let Some(tensor) = model.tensors.iter().find(|tensor| is_packed(tensor) && !tensor.shape[0].is_multiple_of(ROW))
    {
        let reason = format!("rows of {} are no multiples of {ROW}", tensor.name);
        return Err(Error::WrongFormat { path: from.to_owned(), format: "I2_S", reason });
    }
    let parts: Vec<Part<'_>> = model
        .tensors
        .iter()
        .flat_map(|tensor| match is_packed(tensor) {
            true => vec![Part::Repacked(tensor), Part::Scale(tensor)],
            false => vec![Part::Same(tensor)],
        })
        .collect();
    let fresh = to.with_extension(format!("{}.tmp", std::process::id()));
    let written = File::open(from).map_err(failed(from)).and_then(|input| {
        let output = File::create(&fresh).map_err(failed(&fresh))?;
        write(&model, &parts, BufReader::with_capacity(1 << 20, input), &output).map_err(failed(&fresh))?;
        output.sync_all().map_err(failed(&fresh))?;
        std::fs::rename(&fresh, to).map_err(failed(to))
    });
    if written.is_err() {
        // Nothing of it is of use; where it cannot be removed, nothing more can be done.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

impl Part<'_> {
    fn name(&self) -> String {
        match self {
            Part::Same(tensor) | Part::Repacked(tensor) => tensor.name.clone(),
            Part::Scale(tensor) => format!("{}.scale", tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name)),
        }
    }

    fn kind(&self) -> u32 {
        match self {
            Part::Same(tensor) => tensor.kind,
            Part::Repacked(_) => TQ2_0,
            Part::Scale(_) => F32,
        }
    }

    fn shape(&self) -> &[u64] {
        match self {
            Part::Same(tensor) | Part::Repacked(tensor) => &tensor.shape[..tensor.dimensions as usize],
            Part::Scale(_) => &[1],
        }
    }

    fn size(&self) -> u64 {
        match self {
            Part::Same(tensor) => tensor.size().unwrap_or(0),
            Part::Repacked(tensor) => tensor.elements() / ROW * TQ2_0_BYTES as u64,
            Part::Scale(_) => 4,
        }
    }
}

fn write(model: &GgufFile, parts: &[Part<'_>], mut input: impl Read + Seek, output: &File) -> std::io::Result<()> {
    let mut out = Counting { output: BufWriter::with_capacity(1 << 20, output), position: 0 };
    out.write_all(b"GGUF")?;
    out.write_all(&model.header.version.to_le_bytes())?;
    out.write_all(&(parts.len() as u64).to_le_bytes())?;
    out.write_all(&model.value_count.to_le_bytes())?;
    out.write_all(&values(model, &mut input)?)?;
    let mut offset = 0u64;
    for part in parts {
        let name = part.name();
        out.write_all(&(name.len() as u64).to_le_bytes())?;
        out.write_all(name.as_bytes())?;
        out.write_all(&(part.shape().len() as u32).to_le_bytes())?;
        for extent in part.shape() {
            out.write_all(&extent.to_le_bytes())?;
        }
        out.write_all(&part.kind().to_le_bytes())?;
        out.write_all(&offset.to_le_bytes())?;
        offset = (offset + part.size()).next_multiple_of(model.alignment);
    }
    for part in parts {
        out.pad(model.alignment)?;
        write_data(model, part, &mut input, &mut out)?;
    }
    out.pad(model.alignment)?;
    out.flush()
}

/// The key-value pairs as they are, but for the file type.
fn values(model: &GgufFile, input: &mut (impl Read + Seek)) -> std::io::Result<Vec<u8>> {
    let mut values = vec![0; (model.values_end - VALUES_BEGIN) as usize];
    input.seek(SeekFrom::Start(VALUES_BEGIN))?;
    input.read_exact(&mut values)?;
    let key = b"general.file_type";
    let entry = [&(key.len() as u64).to_le_bytes()[..], key, &UINT32.to_le_bytes()].concat();
    if let Some(at) = values.windows(entry.len()).position(|window| window == entry) {
        values[at + entry.len()..][..4].copy_from_slice(&FILE_TYPE.to_le_bytes());
    }
    Ok(values)
}

fn write_data(
    model: &GgufFile,
    part: &Part<'_>,
    input: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> std::io::Result<()> {
    match part {
        Part::Same(tensor) => {
            input.seek(SeekFrom::Start(model.data_start + tensor.offset))?;
            std::io::copy(&mut input.take(part.size()), out).map(|_| ())
        }
        Part::Repacked(tensor) => {
            input.seek(SeekFrom::Start(model.data_start + tensor.offset))?;
            let (mut from, mut to) = ([0; I2_S_BYTES], [0; TQ2_0_BYTES]);
            for _ in 0..tensor.elements() / ROW {
                input.read_exact(&mut from)?;
                repack_block(&from, &mut to);
                out.write_all(&to)?;
            }
            Ok(())
        }
        Part::Scale(tensor) => {
            let mut scale = [0; 4];
            input.seek(SeekFrom::Start(model.data_start + tensor.offset + tensor.elements() / 4))?;
            input.read_exact(&mut scale)?;
            out.write_all(&scale)
        }
    }
}

/// Knows where it is.
struct Counting<W> {
    output: W,
    position: u64,
}

impl<W: Write> Counting<W> {
    fn pad(&mut self, alignment: u64) -> std::io::Result<()> {
        let missing = self.position.next_multiple_of(alignment) - self.position;
        self.write_all(&vec![0; missing as usize])
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}
