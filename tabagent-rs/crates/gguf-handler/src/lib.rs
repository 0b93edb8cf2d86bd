//! GGUF models through llama.cpp: load, tokenise, and generate for many callers at once.
//!
//! [`Model`] is the whole public surface; files that are not loaded are `model_loader`'s concern. One CPU module serves a process (see [`load_cpu_module`]). Everything unsafe lives in `llama/`.
#![deny(unsafe_code)]

mod encoder;
mod forgery;
mod llama;
mod model;
mod scheduler;

pub use llama::{load_cpu_module, probe_cpu_module, quantise};
pub use model::{Encoded, LoadOptions, Model, ModelFacts, Task};
