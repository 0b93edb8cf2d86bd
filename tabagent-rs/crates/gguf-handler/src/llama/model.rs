//! A loaded model: weights and vocabulary.

use super::backend::{self, c_path};
use super::context::last_words;
use super::logs;
use super::vocab::Vocab;
use generation::{Error, Result};
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

/// How to load weights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoadParams {
    /// Layers to put on a GPU; ignored where llama.cpp has none
    pub(crate) gpu_layers: u32,
    /// Keep the weights from being swapped out
    pub(crate) lock_in_memory: bool,
}

/// Owner of a `llama_model`; read-only after loading, shared by threads.
pub(crate) struct WeightsModel {
    raw: NonNull<sys::llama_model>,
    vocab: Vocab,
    path: PathBuf,
}

// SAFETY: llama.cpp only reads a model after loading, and its tokeniser is documented as thread-safe.
unsafe impl Send for WeightsModel {}
// SAFETY: as above.
unsafe impl Sync for WeightsModel {}

/// Called with the loaded fraction, 0 to 1; false ends the load.
type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

unsafe extern "C" fn report(fraction: f32, progress: *mut c_void) -> bool {
    // SAFETY: `progress` is the `Progress` that `load` passed and that outlives the load.
    let progress = unsafe { &mut *progress.cast::<Progress<'_>>() };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| progress(fraction))).unwrap_or(false)
}

impl WeightsModel {
    /// Reads the weights. `Error::Cancelled` when `progress` answered false.
    pub(crate) fn load(path: &Path, params: LoadParams, progress: Progress<'_>) -> Result<Self> {
        let failed = |reason: String| Error::LoadFailed { path: path.to_owned(), reason };
        if !backend::is_ready() {
            return Err(failed("no CPU module is loaded".into()));
        }
        let name = c_path(path).ok_or_else(|| failed("its name cannot be passed to C".into()))?;
        let mut stopped = false;
        let mut watched = |fraction: f32| {
            let go_on = progress(fraction);
            stopped |= !go_on;
            go_on
        };
        let mut callback: Progress<'_> = &mut watched;
        // SAFETY: plain data.
        let mut raw_params = unsafe { sys::llama_model_default_params() };
        raw_params.n_gpu_layers = i32::try_from(params.gpu_layers).unwrap_or(i32::MAX);
        raw_params.load_mode =
            if params.lock_in_memory { sys::LLAMA_LOAD_MODE_MMAP_MLOCK } else { sys::LLAMA_LOAD_MODE_AUTO };
        raw_params.progress_callback = Some(report);
        raw_params.progress_callback_user_data = (&raw mut callback).cast();
        let mark = logs::mark();
        // SAFETY: `name` and `callback` live through the call; C++ exceptions are caught inside.
        let raw = unsafe { sys::llama_model_load_from_file(name.as_ptr(), raw_params) };
        let Some(raw) = NonNull::new(raw) else {
            if stopped {
                return Err(Error::Cancelled);
            }
            return Err(match unknown_architecture(&logs::since(mark)) {
                Some(architecture) => Error::UnknownArchitecture { path: path.to_owned(), architecture },
                None => failed(last_words(mark, "llama.cpp gave no reason")),
            });
        };
        // SAFETY: the model is alive; its vocabulary lives as long as it.
        let vocab = unsafe { Vocab::new(sys::llama_model_get_vocab(raw.as_ptr())) };
        Ok(Self { raw, vocab, path: path.to_owned() })
    }

    pub(super) fn raw(&self) -> *mut sys::llama_model {
        self.raw.as_ptr()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    pub(crate) fn train_context_length(&self) -> u32 {
        // SAFETY: reads a field of the live model, as do the next ones.
        unsafe { sys::llama_model_n_ctx_train(self.raw()) }.max(0) as u32
    }

    pub(crate) fn embedding_length(&self) -> u32 {
        // SAFETY: as above.
        unsafe { sys::llama_model_n_embd(self.raw()) }.max(0) as u32
    }

    /// Bytes of all tensors.
    pub(crate) fn size(&self) -> u64 {
        // SAFETY: as above.
        unsafe { sys::llama_model_size(self.raw()) }
    }

    /// Positions a sliding attention window spans; 0 where attention sees everything.
    pub(crate) fn sliding_window(&self) -> usize {
        // SAFETY: as above.
        unsafe { sys::llama_model_n_swa(self.raw()) }.max(0) as usize
    }

    /// Whether part of its state cannot be cut back to an earlier position.
    pub(crate) fn has_recurrent_state(&self) -> bool {
        // SAFETY: as above.
        unsafe { sys::llama_model_is_recurrent(self.raw()) || sys::llama_model_is_hybrid(self.raw()) }
    }

    /// Whether it is one stack of layers that tokens go through, in their order: no encoder beside it, no diffusion.
    pub(crate) fn is_decoder_alone(&self) -> bool {
        // SAFETY: as above.
        unsafe {
            sys::llama_model_has_decoder(self.raw())
                && !sys::llama_model_has_encoder(self.raw())
                && !sys::llama_model_is_diffusion(self.raw())
        }
    }

    /// Whether each token's vector depends on whether its text came first or second, as BERT's own pairs do.
    pub(crate) fn has_segments(&self) -> bool {
        let counts = |(key, count): &(String, String)| key == "tokenizer.ggml.token_type_count" && count != "1";
        self.vocab.is_word_pieces() && self.metadata().iter().any(counts)
    }

    /// The template that a query and a document are put into, where the model wants another than the usual.
    pub(crate) fn rerank_template(&self) -> Option<String> {
        self.template(c"rerank".as_ptr())
    }

    /// The Jinja template in the file.
    pub(crate) fn chat_template(&self) -> Option<String> {
        self.template(std::ptr::null())
    }

    /// The template of this name, or the one without where it is null.
    fn template(&self, name: *const c_char) -> Option<String> {
        // SAFETY: `name` is null or a C string; returns null or a string that lives as long as the model.
        unsafe {
            let template = sys::llama_model_chat_template(self.raw(), name);
            (!template.is_null()).then(|| CStr::from_ptr(template).to_string_lossy().into_owned())
        }
    }

    /// Every scalar of the header as text, in the file's order. Arrays are left out.
    pub(crate) fn metadata(&self) -> Vec<(String, String)> {
        // SAFETY: reads a field.
        let count = unsafe { sys::llama_model_meta_count(self.raw()) };
        (0..count).filter_map(|index| Some((self.metadata_at(index, false)?, self.metadata_at(index, true)?))).collect()
    }

    fn metadata_at(&self, index: i32, value: bool) -> Option<String> {
        read_string(|buffer, size| {
            // SAFETY: llama.cpp checks the index and writes at most `size` bytes.
            unsafe {
                if value {
                    sys::llama_model_meta_val_str_by_index(self.raw(), index, buffer, size)
                } else {
                    sys::llama_model_meta_key_by_index(self.raw(), index, buffer, size)
                }
            }
        })
    }
}

impl Drop for WeightsModel {
    fn drop(&mut self) {
        // SAFETY: made by `llama_model_load_from_file`, freed once; contexts hold an `Arc` and are gone.
        unsafe { sys::llama_model_free(self.raw.as_ptr()) }
    }
}

/// Calls an snprintf-like function, first for the length, then for the text. `None` when it answers a negative length.
fn read_string(mut write: impl FnMut(*mut c_char, usize) -> i32) -> Option<String> {
    let length = usize::try_from(write(std::ptr::null_mut(), 0)).ok()?;
    let mut buffer = vec![0u8; length + 1];
    let written = usize::try_from(write(buffer.as_mut_ptr().cast(), buffer.len())).ok()?;
    buffer.truncate(written.min(length));
    Some(String::from_utf8_lossy(&buffer).into_owned())
}

fn unknown_architecture(lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| {
        let (_, rest) = line.split_once("unknown model architecture: '")?;
        Some(rest.split_once('\'')?.0.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_is_read_from_the_log() {
        let said = "llama_model_load: error loading model: unknown model architecture: 'nova'";
        assert_eq!(unknown_architecture(&[said.into()]), Some("nova".into()));
        assert_eq!(unknown_architecture(&["other".into()]), None);
    }
}
