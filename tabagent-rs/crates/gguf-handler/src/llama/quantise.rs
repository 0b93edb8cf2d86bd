//! A model file with its weights in another type.

use super::backend::c_path;
use super::context::last_words;
use super::logs;
use generation::{Error, Result};
use llama_cpp_sys_2 as sys;
use model_loader::gguf::{GgufHeader, file_type_name};
use std::path::Path;

/// Writes the model at `source` to `target` with its weights as `file_type` (a name such as `Q4_K_M`), through float
/// where they are quantised already. `target` appears when it is whole. `threads` 0 takes one per logical core.
///
/// # Errors
/// [`Error::File`]: what is wrong with `source`, or `target` cannot be written. [`Error::InvalidParameter`]: a type that
/// llama.cpp does not write without more than the file. [`Error::LoadFailed`]: llama.cpp refused it.
pub fn quantise(source: &Path, target: &Path, file_type: &str, threads: u32) -> Result<()> {
    let number = writable(file_type).ok_or_else(|| {
        let known: Vec<_> = WRITABLE.iter().filter_map(|&number| file_type_name(number.into())).collect();
        Error::invalid("file_type", format!("must be one of {}, got {file_type:?}", known.join(", ")))
    })?;
    GgufHeader::read(source)?;
    let fresh = target.with_extension(format!("{}.tmp", std::process::id()));
    let written = write(source, &fresh, number, threads).and_then(|()| {
        let failed = |error: std::io::Error| model_loader::Error::Unreadable {
            path: target.to_owned(),
            reason: error.to_string(),
        };
        Ok(std::fs::rename(&fresh, target).map_err(failed)?)
    });
    if written.is_err() {
        // Nothing of it is of use; where it cannot be removed, nothing more can be done.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

/// What needs no importance matrix.
const WRITABLE: [u32; 18] = [0, 1, 32, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 25];

fn writable(file_type: &str) -> Option<u32> {
    WRITABLE.into_iter().find(|&number| file_type_name(number.into()) == Some(file_type))
}

fn write(source: &Path, target: &Path, file_type: u32, threads: u32) -> Result<()> {
    let failed = |reason: String| Error::LoadFailed { path: source.to_owned(), reason };
    let unnameable = || failed("its name cannot be passed to C".into());
    let (from, to) = (c_path(source).ok_or_else(unnameable)?, c_path(target).ok_or_else(unnameable)?);
    // A file that is there can be written over; one that cannot be made is better told by the operating system.
    std::fs::File::create(target).map_err(|error| {
        let path = target.to_owned();
        model_loader::Error::Unreadable { path, reason: error.to_string() }
    })?;
    logs::capture();
    let mark = logs::mark();
    // SAFETY: plain data.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = file_type;
    params.allow_requantize = true;
    params.nthread = i32::try_from(threads).unwrap_or(0);
    // SAFETY: both names and `params` live through the call; C++ exceptions are caught inside.
    match unsafe { sys::llama_model_quantize(from.as_ptr(), to.as_ptr(), &params) } {
        0 => Ok(()),
        _ => Err(failed(last_words(mark, "llama.cpp gave no reason"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_and_a_number() {
        for number in WRITABLE {
            let name = file_type_name(number.into()).expect("it has a name");
            assert_eq!(writable(name), Some(number));
        }
        assert_eq!(writable("IQ1_S"), None);
        assert_eq!(writable("q8_0 "), None);
    }
}
