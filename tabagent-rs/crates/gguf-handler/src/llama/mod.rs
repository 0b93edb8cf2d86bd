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
mod tensor_type;
mod threads;
mod vocab;
mod watch;

pub use backend::load_cpu_module;
pub(crate) use batch::Batch;
pub(crate) use context::{Context, ContextParams, Decoded};
pub(crate) use model::{LoadParams, WeightsModel};
pub use probe::probe_cpu_module;
pub(crate) use tensor_type::tensor_bytes;
pub(crate) use watch::Watch;

/// Id of a token in a model's vocabulary.
pub type Token = llama_cpp_sys_2::llama_token;
