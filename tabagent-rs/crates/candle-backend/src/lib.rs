//! Language models through candle: safetensors and GGUF of the architectures `llama`, `mistral` and `qwen2`.
//!
//! [`Model`] is the whole public surface. One decoder serves both formats; a thread of its own serves every caller from
//! it, each with a KV cache of its own. candle's own models keep one conversation inside the weights, so they are not used.
#![forbid(unsafe_code)]

mod attention;
mod cache;
mod config;
mod decoder;
mod device;
mod model;
mod product;
mod rope;
mod scheduler;
mod tokenizer;
mod weights;

pub use device::{DeviceChoice, DtypeChoice};
pub use model::{LoadOptions, Model, ModelFacts};
