//! GGUF models through llama.cpp: load, tokenise, and generate for many callers at once.
//!
//! [`Model`] is the whole public surface; files that are not loaded are `model_loader`'s concern. One CPU module serves a process (see [`load_cpu_module`]). Everything unsafe lives in `llama/`.
#![deny(unsafe_code)]

mod error;
mod llama;
mod model;
mod sampling;
mod scheduler;
mod stream;
mod text;

pub use error::{Error, Result};
pub use llama::{Token, load_cpu_module, probe_cpu_module, quantise};
pub use model::{LoadOptions, Model, ModelFacts};
pub use sampling::SamplingParams;
pub use scheduler::GenerateRequest;
pub use stream::{Completion, FinishReason, Next, Pacing, Timings, TokenStream};
