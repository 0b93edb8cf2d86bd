//! What this machine is: CPU identity, the ggml CPU modules it can run, cores and memory.
//!
//! Pure detection, no llama.cpp and no Python. Selection works on a [`FeatureSet`] that the caller passes in, so every
//! choice can be tested for CPUs this machine does not have.
#![forbid(unsafe_code)]

mod features;
mod generation;
mod identity;
mod library;
mod machine;
mod variants;

pub use features::{Feature, FeatureSet};
pub use generation::generation_of;
pub use identity::{CpuIdentity, Vendor};
pub use library::{Os, module_file_name, runtime_library_name};
pub use machine::{Cores, Memory};
pub use variants::{Candidate, TABLE, Variant, candidates, find};
