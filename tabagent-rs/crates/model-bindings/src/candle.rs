//! `CandleModel`: one model loaded through candle.

use crate::methods::*;
use candle_backend::{DeviceChoice, DtypeChoice, LoadOptions, Model, ModelFacts};
use std::path::PathBuf;

/// A safetensors or GGUF model in this process, through candle.
#[pyclass(frozen, module = "tabagent_model")]
pub(crate) struct CandleModel {
    slot: Slot<Model>,
}

model_class!(CandleModel, ModelFacts, {
    #[pyo3(
        signature = (
            path, *, device="auto", dtype="auto", context_length=None, n_parallel=Parallel(4), threads=None,
            progress=None
        ),
        text_signature = "($self, path, *, device='auto', dtype='auto', context_length=None, n_parallel=4, threads=None, \
                          progress=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn load(
        &self,
        py: Python<'_>,
        path: PathBuf,
        device: &str,
        dtype: &str,
        context_length: Option<ContextLength>,
        n_parallel: Parallel,
        threads: Option<Threads>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let options = LoadOptions {
            model: path,
            device: DeviceChoice::by_name(device).or_raise(py)?,
            dtype: DtypeChoice::by_name(dtype).or_raise(py)?,
            capacity: capacity(context_length, n_parallel, threads),
        };
        self.slot.fill(py, &options.model, progress, |progress| Model::load(&options, progress))
    }

    #[getter]
    fn device(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.fact(py, |facts| facts.device)
    }

    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.fact(py, |facts| facts.dtype)
    }
});
