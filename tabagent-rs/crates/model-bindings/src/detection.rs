//! What a model is and what can run it.

use crate::arguments::ContextLength;
use crate::errors::OrRaise;
use hardware::Memory;
use model_loader::{Candidate, Circumstances, DEFAULT_ENDPOINT, Detection, Engine, Hub, Inquiry, Language, Obstacle};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// An engine of the caller's, as a mapping of `_native.pyi`'s `EngineFacts`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct EngineFacts {
    name: String,
    language: String,
    formats: Vec<String>,
    tasks: Vec<String>,
    installed: bool,
    install_hint: String,
}

impl From<EngineFacts> for Engine {
    fn from(facts: EngineFacts) -> Self {
        let EngineFacts { name, language, formats, tasks, installed, install_hint } = facts;
        let language = if language.eq_ignore_ascii_case("rust") { Language::Rust } else { Language::Python };
        Self { name, language, formats, tasks, installed, install_hint }
    }
}

#[pyfunction]
#[pyo3(signature = (source, auth_token=None, *, endpoint=None, context_length=None, allow_pickle=false,
    engines=None, available_memory=None, onnx_use_rust=false, litert_use_rust=false))]
#[allow(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn detect_model<'py>(
    py: Python<'py>,
    source: std::path::PathBuf,
    auth_token: Option<String>,
    endpoint: Option<String>,
    context_length: Option<ContextLength>,
    allow_pickle: bool,
    engines: Option<Vec<EngineFacts>>,
    available_memory: Option<u64>,
    onnx_use_rust: bool,
    litert_use_rust: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let endpoint = endpoint.or_else(|| std::env::var("HF_ENDPOINT").ok()).filter(|endpoint| !endpoint.is_empty());
    let hub = Hub { endpoint: endpoint.unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned()), token: auth_token };
    let engines = engines.map(|engines| engines.into_iter().map(Engine::from).collect());
    let source = source.to_string_lossy().into_owned();
    let (found, ranked) = py
        .detach(|| {
            let inquiry = Inquiry { context_length: context_length.map(|length| length.0), allow_pickle };
            let found = model_loader::detect(&source, &hub, inquiry)?;
            let available_memory = available_memory.or_else(|| Memory::detect().map(|memory| memory.available));
            let circumstances = Circumstances { engines, available_memory, onnx_use_rust, litert_use_rust };
            let ranked = model_loader::rank(&found, &circumstances);
            model_loader::Result::Ok((found, ranked))
        })
        .or_raise(py)?;
    let facts = describe(py, &found)?;
    facts.set_item("backend", ranked.first().map(|first| place(py, first)).transpose()?)?;
    facts.set_item("alternatives", list(py, ranked.get(1..).unwrap_or_default(), place)?)?;
    Ok(facts)
}

fn describe<'py>(py: Python<'py>, found: &Detection) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("source", &found.source)?;
    facts.set_item("path", found.path.as_ref().map(|path| path.to_string_lossy()))?;
    facts.set_item("repo", &found.repository)?;
    facts.set_item("revision", &found.revision)?;
    facts.set_item("commit", &found.commit)?;
    facts.set_item("model_type", found.model_type().name())?;
    facts.set_item("architecture", &found.architecture)?;
    facts.set_item("task", &found.task)?;
    facts.set_item("quantisation", &found.quantisation)?;
    facts.set_item("parameters", found.parameters)?;
    facts.set_item("context_length", found.context_length)?;
    facts.set_item("size_bytes", found.size())?;
    facts.set_item("chat_template", found.chat_template_hash.is_some())?;
    facts.set_item("chat_template_sha256", &found.chat_template_hash)?;
    facts.set_item("license", &found.license)?;
    facts.set_item("gated", &found.gated)?;
    facts.set_item("conversion", &found.conversion)?;
    facts.set_item("obstacles", list(py, &found.obstacles, obstacle)?)?;
    facts.set_item("files", list(py, &found.files, file)?)?;
    let memory = found.memory.map(|memory| {
        let plan = PyDict::new(py);
        plan.set_item("weights_bytes", memory.weights)?;
        plan.set_item("kv_cache_bytes", memory.kv_cache)?;
        plan.set_item("workspace_bytes", memory.workspace)?;
        plan.set_item("total_bytes", memory.total())?;
        plan.set_item("context_length", found.planned_context_length)?;
        PyResult::Ok(plan)
    });
    facts.set_item("memory", memory.transpose()?)?;
    Ok(facts)
}

fn list<'py, T>(
    py: Python<'py>,
    items: &[T],
    convert: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, items.iter().map(|item| convert(py, item)).collect::<PyResult<Vec<_>>>()?)
}

/// `{"Rust" | "Python": {"engine": …}}`
fn place<'py>(py: Python<'py>, candidate: &Candidate) -> PyResult<Bound<'py, PyDict>> {
    let (engine, by_language) = (PyDict::new(py), PyDict::new(py));
    engine.set_item("engine", &candidate.engine)?;
    engine.set_item("reason", &candidate.reason)?;
    engine.set_item("obstacles", list(py, &candidate.obstacles, obstacle)?)?;
    by_language.set_item(candidate.language.name(), engine)?;
    Ok(by_language)
}

fn obstacle<'py>(py: Python<'py>, obstacle: &Obstacle) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("code", obstacle.code)?;
    facts.set_item("message", &obstacle.message)?;
    Ok(facts)
}

fn file<'py>(py: Python<'py>, entry: &model_loader::Entry) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("path", &entry.path)?;
    facts.set_item("size_bytes", entry.size)?;
    facts.set_item("sha256", &entry.sha256)?;
    facts.set_item("git_sha1", &entry.git_sha1)?;
    Ok(facts)
}

#[pyfunction]
pub(crate) fn find_models<'py>(py: Python<'py>, folder: std::path::PathBuf) -> PyResult<Bound<'py, PyDict>> {
    let (found, left_out) = py.detach(|| model_loader::find_models(&folder));
    let models = list(py, &found, |py, model| {
        let facts = PyDict::new(py);
        facts.set_item("path", model.path.to_string_lossy())?;
        facts.set_item("model_type", model.model_type.name())?;
        facts.set_item("quantisation", &model.quantisation)?;
        let files: Vec<_> = model.files.iter().map(|file| file.to_string_lossy()).collect();
        facts.set_item("files", files)?;
        Ok(facts)
    })?;
    let found = PyDict::new(py);
    found.set_item("models", models)?;
    found.set_item("left_out", left_out.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>())?;
    Ok(found)
}
