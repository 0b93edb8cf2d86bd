//! Pickled weights as a safetensors file.

use super::{PickledTensor, PickledWeights};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes the tensors of all `parts` of a model to `target`, which appears when it is whole.
///
/// # Errors
/// As [`PickledWeights::read`]; a tensor that is in two parts; what cannot be read or written.
pub fn rewrite(parts: &[PathBuf], target: &Path) -> Result<()> {
    let mut names = BTreeSet::new();
    let mut tensors = Vec::new();
    for path in parts {
        for tensor in PickledWeights::read(path)?.tensors {
            if !names.insert(tensor.name.clone()) {
                let reason = format!("another part has the tensor {} too", tensor.name);
                return Err(Error::Corrupt { path: path.clone(), reason });
            }
            tensors.push((path.as_path(), tensor));
        }
    }
    let fresh = target.with_extension(format!("{}.tmp", std::process::id()));
    let written = write(&tensors, &fresh).and_then(|()| std::fs::rename(&fresh, target).map_err(failed(target)));
    if written.is_err() {
        // Nothing of it is of use; where it cannot be removed, nothing more can be done.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Unreadable { path, reason: error.to_string() }
}

fn write(tensors: &[(&Path, PickledTensor)], target: &Path) -> Result<()> {
    let mut output = BufWriter::with_capacity(1 << 20, File::create(target).map_err(failed(target))?);
    output.write_all(&header(tensors)).map_err(failed(target))?;
    let mut open: Option<(&Path, File)> = None;
    for (path, tensor) in tensors {
        let input = match &mut open {
            Some((of, input)) if of == path => input,
            other => &mut other.insert((path, File::open(path).map_err(failed(path))?)).1,
        };
        copy(tensor, input, &mut output).map_err(failed(path))?;
    }
    let output = output.into_inner().map_err(|error| failed(target)(error.into_error()))?;
    output.sync_all().map_err(failed(target))
}

fn header(tensors: &[(&Path, PickledTensor)]) -> Vec<u8> {
    let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), serde_json::json!({"format": "pt"}))]);
    let mut offset = 0;
    for (_, tensor) in tensors {
        let end = offset + tensor.size();
        let facts = serde_json::json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, end]});
        header.insert(tensor.name.clone(), facts);
        offset = end;
    }
    let mut text = serde_json::Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    [(text.len() as u64).to_le_bytes().as_slice(), &text].concat()
}

fn copy(tensor: &PickledTensor, input: &mut File, output: &mut impl Write) -> std::io::Result<()> {
    input.seek(SeekFrom::Start(tensor.begin))?;
    if tensor.is_contiguous {
        let copied = std::io::copy(&mut input.take(tensor.size()), output)?;
        return if copied == tensor.size() { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
    }
    let mut span = vec![0; tensor.span as usize];
    input.read_exact(&mut span)?;
    gather(&span, &tensor.shape, &tensor.strides, tensor.width as usize, 0, output)
}

/// The elements of a view in order. At most eight extents deep.
fn gather(
    span: &[u8],
    shape: &[u64],
    strides: &[u64],
    width: usize,
    at: usize,
    output: &mut impl Write,
) -> std::io::Result<()> {
    let (Some((&extent, shape)), Some((&stride, strides))) = (shape.split_first(), strides.split_first()) else {
        return output.write_all(&span[at..at + width]);
    };
    (0..extent as usize)
        .try_for_each(|index| gather(span, shape, strides, width, at + index * stride as usize * width, output))
}
