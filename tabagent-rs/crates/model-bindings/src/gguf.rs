//! Files that are not loaded.

use crate::arguments::{ContextLength, Parallel, ThreadsOrAll};
use crate::errors::OrRaise;
use model_loader::gguf::GgufHeader;
use pyo3::prelude::*;
use std::path::PathBuf;

/// What a GGUF file says about itself.
#[pyclass(frozen, module = "tabagent_model")]
pub(crate) struct GgufInfo(GgufHeader);

macro_rules! getters {
    ($($name:ident: $type:ty),*) => {
        #[pymethods]
        impl GgufInfo {
            $(#[getter]
            fn $name(&self) -> $type {
                self.0.$name.clone()
            })*

            fn __repr__(&self) -> String {
                let quantisation = self.0.quantisation.unwrap_or("unknown");
                format!("GgufInfo(architecture={:?}, quantisation={quantisation:?})", self.0.architecture)
            }
        }
    };
}

getters!(
    version: u32,
    architecture: String,
    name: Option<String>,
    context_length: u64,
    embedding_length: u64,
    block_count: u64,
    head_count: u64,
    head_count_kv: u64,
    key_length: u64,
    value_length: u64,
    vocab_size: u64,
    file_type: Option<u64>,
    quantisation: Option<&'static str>,
    file_size: u64,
    chat_template_hash: Option<String>
);

#[pyfunction]
pub(crate) fn read_gguf(py: Python<'_>, path: PathBuf) -> PyResult<GgufInfo> {
    py.detach(|| GgufHeader::read(&path)).or_raise(py).map(GgufInfo)
}

#[pyfunction]
#[pyo3(signature = (path, context_length=None, n_parallel=Parallel(4)))]
#[pyo3(text_signature = "(path, context_length=None, n_parallel=4)")]
pub(crate) fn estimate_memory(
    py: Python<'_>,
    path: PathBuf,
    context_length: Option<ContextLength>,
    n_parallel: Parallel,
) -> PyResult<u64> {
    let header = py.detach(|| GgufHeader::read(&path)).or_raise(py)?;
    let tokens = context_length.map_or_else(|| model_loader::default_context_length(&header), |length| length.0);
    Ok(model_loader::estimate(&header, tokens, n_parallel.0).total())
}

#[pyfunction]
pub(crate) fn rewrite_pickled(py: Python<'_>, source: PathBuf, target: PathBuf) -> PyResult<()> {
    py.detach(|| model_loader::rewrite_pickled(&source, &target)).or_raise(py)
}

#[pyfunction]
pub(crate) fn repack_bitnet(py: Python<'_>, source: PathBuf, target: PathBuf) -> PyResult<()> {
    py.detach(|| bitnet::repack(&source, &target)).or_raise(py)
}

#[pyfunction]
#[pyo3(signature = (source, target, file_type, *, threads=ThreadsOrAll(0)))]
#[pyo3(text_signature = "(source, target, file_type, *, threads=0)")]
pub(crate) fn quantize_gguf(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    file_type: String,
    threads: ThreadsOrAll,
) -> PyResult<()> {
    py.detach(|| gguf_handler::quantise(&source, &target, &file_type, threads.0)).or_raise(py)
}
