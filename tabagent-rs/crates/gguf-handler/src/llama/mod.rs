//! The edge to llama.cpp: the only unsafe code of the workspace. Safe owners around raw pointers, nothing else.
//!
//! Every function here checks what llama.cpp would answer with an abort of the process.
#![allow(unsafe_code)]

mod backend;
mod batch;
mod context;
mod logs;
mod model;
mod probe;
mod quantise;
mod threads;
mod vocab;
mod watch;

pub use backend::load_cpu_module;
pub(crate) use batch::Batch;
pub(crate) use context::{Context, ContextParams, Decoded, Pooling};
pub(crate) use model::{LoadParams, WeightsModel};
pub use probe::probe_cpu_module;
pub use quantise::quantise;
pub(crate) use vocab::Vocab;
pub(crate) use watch::Watch;

pub(crate) use generation::Token;

#[cfg(test)]
mod tests {
    use llama_cpp_sys_2 as sys;
    use model_loader::gguf::{TENSOR_TYPES, tensor_type};

    /// `model_loader` does without llama.cpp and has the sizes in a table of its own.
    #[test]
    fn tensor_types_are_as_ggml_has_them() {
        for id in 0..sys::GGML_TYPE_COUNT {
            // SAFETY: both read a static table, and `id` is inside it.
            let (block, bytes) = unsafe { (sys::ggml_blck_size(id as _), sys::ggml_type_size(id as _)) };
            let known = tensor_type(id).map(|known| (known.block as i64, known.bytes as usize));
            assert_eq!(known, (block > 0).then_some((block, bytes)), "type {id}");
        }
        assert!(TENSOR_TYPES.iter().all(|known| known.id < sys::GGML_TYPE_COUNT));
    }
}
