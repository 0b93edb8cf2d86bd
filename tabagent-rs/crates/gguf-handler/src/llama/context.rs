//! A llama.cpp context: the KV cache and the computation on it.

use super::batch::Batch;
use super::logs;
use super::model::WeightsModel;
use super::threads::ThreadPool;
use super::watch::Watch;
use generation::{Error, Result, Vocabulary};
use llama_cpp_sys_2 as sys;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

/// Sizes of a context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextParams {
    /// Tokens in the KV cache, shared by all sequences
    pub(crate) context_length: u32,
    /// Sequences at once
    pub(crate) sequences: u32,
    /// Most tokens in one decode
    pub(crate) batch: u32,
    /// Threads that compute, at most
    pub(crate) threads: u32,
    /// Whether layers are on a GPU
    pub(crate) on_gpu: bool,
    /// How a sequence gives one vector instead of logits
    pub(crate) pooling: Option<Pooling>,
}

/// What makes one vector of those of a sequence's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// What the model's file says
    OfTheModel,
    /// Their mean
    Mean,
}

/// How a decode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Everything is computed
    Done,
    /// The KV cache has no room for the batch; nothing changed
    NoRoom,
    /// An interrupt stopped it; the batch's sequences may hold part of it
    Interrupted,
    /// llama.cpp's error code; the batch's sequences may hold part of it
    Failed(i32),
}

/// Owner of a `llama_context`, used from one thread.
pub(crate) struct Context {
    raw: NonNull<sys::llama_context>,
    params: ContextParams,
    // Dropped after `raw` is freed, in this order: the context uses all three.
    _threads: Option<ThreadPool>,
    _watch: Arc<Watch>,
    model: Arc<WeightsModel>,
}

// SAFETY: llama.cpp binds no context to the thread that made it; all methods that touch it take `&mut self` or read.
unsafe impl Send for Context {}

unsafe extern "C" fn is_interrupted(watch: *mut c_void) -> bool {
    // SAFETY: `watch` is the `Watch` that the context keeps alive.
    let interrupted = unsafe { &*watch.cast::<Watch>() }.beat();
    if interrupted {
        logs::expect_complaints(true);
    }
    interrupted
}

impl Context {
    /// Allocates the KV cache and workspace. `watch` sees its decodes and stops them.
    pub(crate) fn new(model: Arc<WeightsModel>, params: ContextParams, watch: Arc<Watch>) -> Result<Self> {
        let threads = ThreadPool::new(params.threads);
        // SAFETY: plain data.
        let mut raw_params = unsafe { sys::llama_context_default_params() };
        raw_params.n_ctx = params.context_length;
        raw_params.n_batch = params.batch;
        raw_params.n_ubatch = params.batch;
        raw_params.n_seq_max = params.sequences;
        raw_params.embeddings = params.pooling.is_some();
        if params.pooling == Some(Pooling::Mean) {
            raw_params.pooling_type = sys::LLAMA_POOLING_TYPE_MEAN;
        }
        if params.pooling.is_none() {
            // One output per sequence and step: the logits of a whole batch would be a hundred megabytes.
            raw_params.n_outputs_max = params.sequences;
        }
        raw_params.n_threads = params.threads as i32;
        raw_params.n_threads_batch = params.threads as i32;
        raw_params.kv_unified = true;
        raw_params.no_perf = true;
        raw_params.abort_callback = Some(is_interrupted);
        raw_params.abort_callback_data = Arc::as_ptr(&watch).cast_mut().cast();
        let mark = logs::mark();
        // SAFETY: the model is alive and stays so, because `self` holds it; so does the callback's `watch`.
        let raw = unsafe { sys::llama_init_from_model(model.raw(), raw_params) };
        let Some(raw) = NonNull::new(raw) else {
            let reason = last_words(mark, "llama.cpp could not create a context");
            return Err(Error::LoadFailed { path: model.path().to_owned(), reason });
        };
        if let Some(pool) = &threads {
            // SAFETY: both are alive; the pool outlives the context by the order of the fields.
            unsafe { sys::llama_attach_threadpool(raw.as_ptr(), pool.raw(), pool.raw()) }
        }
        Ok(Self { raw, params, _threads: threads, _watch: watch, model })
    }

    pub(crate) fn params(&self) -> ContextParams {
        self.params
    }

    pub(crate) fn model(&self) -> &Arc<WeightsModel> {
        &self.model
    }

    /// Lets this many threads compute from the next decode on, no more than the context began with.
    pub(crate) fn set_threads(&mut self, threads: u32) {
        let threads = threads.clamp(1, self.params.threads) as i32;
        // SAFETY: the context is alive and not computing; its thread pool has at least this many threads.
        unsafe { sys::llama_set_n_threads(self.raw.as_ptr(), threads, threads) }
    }

    /// Computes a batch. Its sequences must continue where the cache holds them.
    pub(crate) fn decode(&mut self, batch: &mut Batch) -> Decoded {
        let vocabulary = self.model.vocab().size() as i32;
        let fits = !batch.is_empty() && batch.len() <= self.params.batch as usize;
        if !fits || batch.tokens().iter().any(|token| !(0..vocabulary).contains(token)) {
            return Decoded::Failed(-1);
        }
        // SAFETY: sizes and token ids are checked above, sequence ids are slot numbers below `sequences`, and the view
        // points into `batch`, which lives through the call.
        let code = unsafe { sys::llama_decode(self.raw.as_ptr(), batch.as_raw()) };
        logs::expect_complaints(false);
        match code {
            0 => Decoded::Done,
            1 => Decoded::NoRoom,
            2 => Decoded::Interrupted,
            code => Decoded::Failed(code),
        }
    }

    /// Logits of the token at `index` of the last batch, one per vocabulary entry; `None` when it asked for none.
    pub(crate) fn logits(&mut self, index: usize) -> Option<&[f32]> {
        let length = self.model.vocab().size();
        // SAFETY: llama.cpp checks the index, and a row has one float per vocabulary entry. The borrow of `self` keeps
        // the next decode from overwriting it.
        unsafe {
            let row = sys::llama_get_logits_ith(self.raw.as_ptr(), i32::try_from(index).ok()?);
            (!row.is_null()).then(|| std::slice::from_raw_parts(row, length))
        }
    }

    /// The vector or scores of a whole sequence of the last batch.
    pub(crate) fn pooled(&mut self, sequence: usize) -> Option<&[f32]> {
        let length = self.pooled_length();
        // SAFETY: llama.cpp answers null for a sequence that was not in the batch; a row has as many floats as the model
        // says. The borrow of `self` keeps the next decode from overwriting it.
        unsafe {
            let row = sys::llama_get_embeddings_seq(self.raw.as_ptr(), sequence as i32);
            (!row.is_null()).then(|| std::slice::from_raw_parts(row, length))
        }
    }

    /// Floats of a sequence's vector, or its scores where the model ranks.
    pub(crate) fn pooled_length(&self) -> usize {
        // SAFETY: reads fields of the live context and model.
        unsafe {
            match sys::llama_pooling_type(self.raw.as_ptr()) {
                sys::LLAMA_POOLING_TYPE_RANK => sys::llama_model_n_cls_out(self.model.raw()) as usize,
                _ => sys::llama_model_n_embd_out(self.model.raw()).max(0) as usize,
            }
        }
    }

    /// Forgets every sequence. Models that only encode remember none.
    pub(crate) fn clear_all(&mut self) {
        // SAFETY: the context is alive; null is the memory of models without one.
        unsafe {
            let memory = self.memory();
            if !memory.is_null() {
                sys::llama_memory_clear(memory, true);
            }
        }
    }

    /// Forgets a sequence from position `from` on. False when this kind of memory can only forget a whole sequence.
    pub(crate) fn truncate(&mut self, sequence: usize, from: usize) -> bool {
        // SAFETY: the memory belongs to the live context; ids and positions are checked by llama.cpp.
        unsafe { sys::llama_memory_seq_rm(self.memory(), sequence as i32, from as i32, -1) }
    }

    /// Forgets a whole sequence.
    pub(crate) fn clear(&mut self, sequence: usize) {
        // SAFETY: as above; removing a whole sequence never fails.
        unsafe { sys::llama_memory_seq_rm(self.memory(), sequence as i32, -1, -1) };
    }

    /// Lets `to`, which must be empty, share the first `length` positions of `from`.
    pub(crate) fn share_prefix(&mut self, from: usize, to: usize, length: usize) {
        // SAFETY: as above; in a unified cache this only adds an owner to cells.
        unsafe { sys::llama_memory_seq_cp(self.memory(), from as i32, to as i32, 0, length as i32) }
    }

    /// Bytes that [`Context::save`] would give.
    pub(crate) fn saved_size(&self, sequence: usize) -> usize {
        // SAFETY: the context is alive and not computing; nothing is written.
        unsafe { sys::llama_state_seq_get_size(self.raw.as_ptr(), sequence as i32) }
    }

    /// A copy of what the cache holds of a sequence; `None` when llama.cpp cannot give one.
    pub(crate) fn save(&self, sequence: usize) -> Option<Vec<u8>> {
        let mut state = vec![0; self.saved_size(sequence)];
        // SAFETY: the context is alive and not computing; llama.cpp writes at most `len` bytes.
        let written = unsafe {
            sys::llama_state_seq_get_data(self.raw.as_ptr(), state.as_mut_ptr(), state.len(), sequence as i32)
        };
        (written > 0 && written == state.len()).then_some(state)
    }

    /// Gives a sequence, which must be empty, what [`Context::save`] copied. False when there is no room; it is then
    /// empty still.
    pub(crate) fn restore(&mut self, sequence: usize, state: &[u8]) -> bool {
        // SAFETY: the context is alive and not computing; `state` came from this very context.
        let read =
            unsafe { sys::llama_state_seq_set_data(self.raw.as_ptr(), state.as_ptr(), state.len(), sequence as i32) };
        if read == 0 {
            self.clear(sequence);
        }
        read > 0
    }

    /// Whether the cache still holds what attention needs to continue a sequence at `position`. A sliding window drops
    /// old positions, and they cannot be brought back.
    pub(crate) fn can_continue_at(&self, sequence: usize, position: usize) -> bool {
        // SAFETY: as above, reading only.
        let first = unsafe { sys::llama_memory_seq_pos_min(self.memory(), sequence as i32) };
        let window = self.model.sliding_window();
        let needed = if window > 0 { position.saturating_sub(window) } else { 0 };
        first >= 0 && first as usize <= needed
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context is alive.
        unsafe { sys::llama_get_memory(self.raw.as_ptr()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `llama_init_from_model`, freed once, before the pool, the flag and the model.
        unsafe { sys::llama_free(self.raw.as_ptr()) }
    }
}

/// The last lines llama.cpp logged since `mark`, or `otherwise`.
pub(super) fn last_words(mark: u64, otherwise: &str) -> String {
    let lines = logs::since(mark);
    let tail = lines[lines.len().saturating_sub(3)..].join("; ");
    if tail.is_empty() { otherwise.to_owned() } else { tail }
}
