//! The machine, and the CPU modules made for it.

use crate::errors::OrRaise;
use hardware::{Candidate, Cores, CpuIdentity, Feature, FeatureSet, Memory, Os, candidates};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// A CPU variant of ggml and whether it runs here.
#[pyclass(frozen, module = "tabagent_model", get_all)]
pub(crate) struct CpuVariant {
    name: &'static str,
    supported: bool,
    reason: Option<String>,
    score: u32,
}

#[pymethods]
impl CpuVariant {
    fn __repr__(&self) -> String {
        let supported = if self.supported { "True" } else { "False" };
        format!("CpuVariant(name={:?}, supported={supported}, score={})", self.name, self.score)
    }
}

impl From<Candidate> for CpuVariant {
    fn from(candidate: Candidate) -> Self {
        Self {
            name: candidate.variant.name,
            supported: candidate.supported(),
            reason: candidate.reason(),
            score: candidate.variant.score,
        }
    }
}

#[pyfunction]
pub(crate) fn cpu_variants() -> Vec<CpuVariant> {
    candidates(Os::current(), &FeatureSet::detect()).into_iter().map(CpuVariant::from).collect()
}

#[pyfunction(name = "hardware")]
pub(crate) fn hardware_facts(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let (identity, cores) = (CpuIdentity::detect(), Cores::detect());
    let features: Vec<&str> = FeatureSet::detect().iter().map(Feature::name).collect();
    let memory_now = py.detach(Memory::detect);
    let cpu = PyDict::new(py);
    cpu.set_item("vendor", identity.vendor.name())?;
    cpu.set_item("brand", identity.brand)?;
    cpu.set_item("generation", identity.generation)?;
    cpu.set_item("physical_cores", cores.physical)?;
    cpu.set_item("logical_cores", cores.logical)?;
    cpu.set_item("features", features)?;
    let memory = PyDict::new(py);
    memory.set_item("total_bytes", memory_now.map_or(0, |memory| memory.total))?;
    memory.set_item("available_bytes", memory_now.map_or(0, |memory| memory.available))?;
    let facts = PyDict::new(py);
    facts.set_item("cpu", cpu)?;
    facts.set_item("memory", memory)?;
    Ok(facts)
}

#[pyfunction(name = "_module_file_name")]
pub(crate) fn module_file_name(variant: &str) -> String {
    hardware::module_file_name(Os::current(), variant)
}

#[pyfunction(name = "_runtime_library_name")]
pub(crate) fn runtime_library_name() -> &'static str {
    hardware::runtime_library_name(Os::current())
}

#[pyfunction(name = "_probe")]
pub(crate) fn probe(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    py.detach(|| gguf_handler::probe_cpu_module(&path)).or_raise(py)
}
