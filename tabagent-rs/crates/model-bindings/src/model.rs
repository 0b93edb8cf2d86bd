//! `PyModel`: one model loaded through llama.cpp.

use crate::arguments::{GpuLayers, Texts};
use crate::methods::*;
use gguf_handler::{Encoded, LoadOptions, Model, ModelFacts};
use std::path::PathBuf;

/// A GGUF model in this process.
#[pyclass(frozen, module = "tabagent_model")]
pub(crate) struct PyModel {
    slot: Slot<Model>,
}

model_class!(PyModel, ModelFacts, {
    #[pyo3(
        signature = (
            dll_path, model_path, gpu_layers=GpuLayers(0), mlock=false, *,
            context_length=None, n_parallel=Parallel(4), threads=None, progress=None
        ),
        text_signature = "($self, dll_path, model_path, gpu_layers=0, mlock=False, *, context_length=None, n_parallel=4, \
                          threads=None, progress=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn load(
        &self,
        py: Python<'_>,
        dll_path: PathBuf,
        model_path: PathBuf,
        gpu_layers: GpuLayers,
        mlock: bool,
        context_length: Option<ContextLength>,
        n_parallel: Parallel,
        threads: Option<Threads>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let options = LoadOptions {
            cpu_module: dll_path,
            model: model_path,
            gpu_layers: gpu_layers.0,
            lock_in_memory: mlock,
            capacity: capacity(context_length, n_parallel, threads),
        };
        self.slot.fill(py, &options.model, progress, |progress| Model::load(&options, progress))
    }

    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.fact(py, |facts| facts.task.name())
    }

    #[getter]
    fn token_nl(&self, py: Python<'_>) -> PyResult<i32> {
        self.fact(py, |facts| facts.newline.unwrap_or(-1))
    }

    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let model = self.slot.loaded(py)?;
        let values = PyDict::new(py);
        for (key, value) in py.detach(|| model.metadata()) {
            values.set_item(key, value)?;
        }
        Ok(values)
    }

    fn embed(&self, py: Python<'_>, texts: Texts) -> PyResult<Encoded<Vec<f32>>> {
        let model = self.slot.loaded(py)?;
        py.detach(|| model.embed(&texts.0)).or_raise(py)
    }

    fn rerank(&self, py: Python<'_>, query: String, documents: Texts) -> PyResult<Encoded<f32>> {
        let model = self.slot.loaded(py)?;
        py.detach(|| model.rerank(&query, &documents.0)).or_raise(py)
    }
});
