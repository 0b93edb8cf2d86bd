//! The `tabagent_model` wheel: Python's view of the other crates.
//!
//! Glue only: checks arguments, releases the interpreter lock around everything that can block, and turns errors into the
//! exceptions of `tabagent_model.errors`. What the classes and functions mean is said once, in `_native.pyi`.

mod arguments;
mod asyncio;
mod completion;
mod cpu;
mod detection;
mod errors;
mod gguf;
mod logprobs;
#[macro_use]
mod methods;
mod candle;
mod model;
mod options;
mod progress;
mod slot;
mod stream;

use pyo3::prelude::*;

/// The compiled part of `tabagent_model`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::candle::CandleModel;
    #[pymodule_export]
    use crate::completion::PyCompletion;
    #[pymodule_export]
    use crate::cpu::{CpuVariant, cpu_variants, hardware_facts, module_file_name, probe, runtime_library_name};
    #[pymodule_export]
    use crate::detection::{detect_model, find_models};
    #[pymodule_export]
    use crate::gguf::{GgufInfo, estimate_memory, quantize_gguf, read_gguf, repack_bitnet, rewrite_pickled};
    #[pymodule_export]
    use crate::logprobs::PyTokenLogprob;
    #[pymodule_export]
    use crate::model::PyModel;
    #[pymodule_export]
    use crate::stream::PyTokenStream;
}
