//! One CPU module per process.
//!
//! The directory compiled into ggml is a build path, and `llama_backend_init` searches it when no backend is registered:
//! the chosen module is loaded first, always.

use super::logs;
use generation::{Error, Result};
use llama_cpp_sys_2 as sys;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Loads a CPU module and starts llama.cpp on it.
///
/// # Errors
/// [`Error::LibraryLoad`] when the file is no CPU module this machine can run, or when the process already runs on
/// another one. The same module again is fine.
pub fn load_cpu_module(path: &Path) -> Result<()> {
    let failed = |reason: String| Error::LibraryLoad { path: path.to_owned(), reason };
    let real = path.canonicalize().map_err(|error| failed(error.to_string()))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match loaded.as_ref() {
        Some(current) if *current == real => return Ok(()),
        Some(current) => {
            return Err(failed(format!("this process already runs on {}", current.display())));
        }
        None => {}
    }
    if !real.is_file() {
        return Err(failed("it is not a file".into()));
    }
    logs::capture();
    let mark = logs::mark();
    let name = c_path(&real).ok_or_else(|| failed("its name cannot be passed to C".into()))?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call; the mutex keeps loads apart.
    let registered = unsafe { sys::ggml_backend_load(name.as_ptr()) };
    if registered.is_null() {
        let said = logs::since(mark).join("; ");
        return Err(failed(if said.is_empty() { "this CPU lacks what it needs".into() } else { said }));
    }
    // SAFETY: may be called at any time; a backend is registered, so it loads no other.
    unsafe { sys::llama_backend_init() };
    *loaded = Some(real);
    Ok(())
}

/// Whether a module is loaded: nothing else of llama.cpp may be used before.
pub(super) fn is_ready() -> bool {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// The path as llama.cpp takes it: bytes on Unix, UTF-8 on Windows.
pub(super) fn c_path(path: &Path) -> Option<CString> {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let bytes = path.to_str()?.as_bytes();
    CString::new(bytes).ok()
}
