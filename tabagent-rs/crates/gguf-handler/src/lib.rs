//! GGUF models through llama.cpp: look at a file, load it, tokenise, and generate for many callers at once.
//!
//! [`Model`] is the whole public surface for a loaded model; [`header::GgufHeader`] answers questions about a file that
//! is not loaded. One CPU module serves a process (see [`load_cpu_module`]). Everything unsafe lives in `llama/`.
#![deny(unsafe_code)]

mod error;
pub mod header;
mod llama;
mod memory;
mod model;
mod sampling;
mod scheduler;
mod stream;
mod text;

pub use error::{Error, Result};
pub use llama::{Token, load_cpu_module, probe_cpu_module};
pub use memory::{MemoryPlan, estimate};
pub use model::{LoadOptions, Model, ModelFacts, default_context_length};
pub use sampling::SamplingParams;
pub use scheduler::GenerateRequest;
pub use stream::{Completion, FinishReason, Next, Pacing, Timings, TokenStream};
