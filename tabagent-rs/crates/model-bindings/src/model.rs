//! `PyModel`: one loaded model.

use crate::arguments::{
    CoalesceMs, ContextLength, GpuLayers, Grammar, Logprobs, MaxTokens, MinP, Parallel, Prompt, RepeatPenalty, Seed,
    Stop, Temperature, Texts, Threads, TokenId, Tokens, TopK, TopP,
};
use crate::asyncio;
use crate::completion::PyCompletion;
use crate::errors::{OrRaise, to_python};
use crate::options::{Options, pacing};
use crate::progress::Reporter;
use crate::stream::PyTokenStream;
use generation::{Error, Pacing};
use gguf_handler::{Encoded, LoadOptions, Model, ModelFacts};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A GGUF model in this process.
#[pyclass(frozen, module = "tabagent_model")]
pub(crate) struct PyModel {
    model: RwLock<Option<Arc<Model>>>,
    loading: Mutex<()>,
}

impl PyModel {
    fn current(&self) -> Option<Arc<Model>> {
        self.model.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn loaded(&self, py: Python<'_>) -> PyResult<Arc<Model>> {
        self.current().ok_or_else(|| to_python(py, &Error::Closed))
    }

    fn fact<T>(&self, py: Python<'_>, read: impl FnOnce(&ModelFacts) -> T) -> PyResult<T> {
        self.loaded(py).map(|model| read(model.facts()))
    }

    fn start(&self, py: Python<'_>, prompt: Prompt, options: Options, pacing: Pacing) -> PyResult<PyTokenStream> {
        let model = self.loaded(py)?;
        py.detach(|| {
            let prompt = match prompt {
                Prompt::Text(text) => model.tokenize_prompt(&text)?,
                Prompt::Tokens(tokens) => tokens,
            };
            model.generate(options.request(prompt), pacing)
        })
        .or_raise(py)
        .map(PyTokenStream::new)
    }
}

#[pymethods]
impl PyModel {
    #[new]
    fn new() -> Self {
        Self { model: RwLock::new(None), loading: Mutex::new(()) }
    }

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
            context_length: context_length.map(|length| length.0),
            sequences: n_parallel.0,
            threads: threads.map(|threads| threads.0),
        };
        let busy = |reason: &str| busy(py, &options.model, reason);
        let Ok(_loading) = self.loading.try_lock() else {
            return Err(busy("another load is under way"));
        };
        if self.current().is_some() {
            return Err(busy("a model is already loaded; close it first"));
        }
        let reporter = Reporter::new(progress);
        let loaded = py.detach(|| Model::load(&options, reporter.callback()));
        reporter.raise()?;
        let model = Arc::new(loaded.or_raise(py)?);
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = Some(model);
        Ok(())
    }

    fn close(&self, py: Python<'_>) {
        let model = self.model.write().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| {
            if let Some(model) = model {
                model.close();
            }
        });
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    #[getter]
    fn is_loaded(&self) -> bool {
        self.current().is_some()
    }

    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.fact(py, |facts| facts.task.name())
    }

    #[getter]
    fn vocab_size(&self, py: Python<'_>) -> PyResult<usize> {
        self.fact(py, |facts| facts.vocab_size)
    }

    #[getter]
    fn context_train_size(&self, py: Python<'_>) -> PyResult<u32> {
        self.fact(py, |facts| facts.train_context_length)
    }

    #[getter]
    fn context_length(&self, py: Python<'_>) -> PyResult<u32> {
        self.fact(py, |facts| facts.context_length)
    }

    #[getter]
    fn embedding_dim(&self, py: Python<'_>) -> PyResult<u32> {
        self.fact(py, |facts| facts.embedding_length)
    }

    #[getter]
    fn token_bos(&self, py: Python<'_>) -> PyResult<i32> {
        self.fact(py, |facts| facts.bos.unwrap_or(-1))
    }

    #[getter]
    fn token_eos(&self, py: Python<'_>) -> PyResult<i32> {
        self.fact(py, |facts| facts.eos.unwrap_or(-1))
    }

    #[getter]
    fn token_nl(&self, py: Python<'_>) -> PyResult<i32> {
        self.fact(py, |facts| facts.newline.unwrap_or(-1))
    }

    #[getter]
    fn should_add_bos(&self, py: Python<'_>) -> PyResult<bool> {
        self.fact(py, |facts| facts.adds_bos)
    }

    #[getter]
    fn architecture(&self, py: Python<'_>) -> PyResult<String> {
        self.fact(py, |facts| facts.architecture.clone())
    }

    #[getter]
    fn size_bytes(&self, py: Python<'_>) -> PyResult<u64> {
        self.fact(py, |facts| facts.size)
    }

    #[getter]
    fn chat_template(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.fact(py, |facts| facts.chat_template.clone())
    }

    #[getter]
    fn n_parallel(&self, py: Python<'_>) -> PyResult<u32> {
        self.fact(py, |facts| facts.sequences)
    }

    #[getter]
    fn threads(&self, py: Python<'_>) -> PyResult<u32> {
        self.fact(py, |facts| facts.threads)
    }

    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let model = self.loaded(py)?;
        let values = PyDict::new(py);
        for (key, value) in py.detach(|| model.metadata()) {
            values.set_item(key, value)?;
        }
        Ok(values)
    }

    fn special_tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let model = self.loaded(py)?;
        let tokens = PyDict::new(py);
        for (text, token) in py.detach(|| model.special_tokens()) {
            tokens.set_item(text, token)?;
        }
        Ok(tokens)
    }

    fn token_text(&self, py: Python<'_>, token: TokenId) -> PyResult<String> {
        self.loaded(py)?.token_text(token.0).or_raise(py)
    }

    #[pyo3(signature = (text, add_special=false, parse_special=false))]
    fn tokenize(&self, py: Python<'_>, text: String, add_special: bool, parse_special: bool) -> PyResult<Vec<i32>> {
        let model = self.loaded(py)?;
        py.detach(|| model.tokenize(&text, add_special, parse_special)).or_raise(py)
    }

    #[pyo3(signature = (tokens, special=false))]
    fn detokenize(&self, py: Python<'_>, tokens: Tokens, special: bool) -> PyResult<String> {
        let model = self.loaded(py)?;
        py.detach(|| model.detokenize(&tokens.0, special)).or_raise(py)
    }

    #[pyo3(
        signature = (
            prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
            min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None, on_token=None, grammar=None,
            logprobs=None
        ),
        text_signature = "($self, prompt, max_tokens=256, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, \
                          repeat_penalty=1.0, seed=None, stop=(), on_token=None, grammar=None, logprobs=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn generate(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        max_tokens: MaxTokens,
        temperature: Temperature,
        top_k: TopK,
        top_p: TopP,
        min_p: MinP,
        repeat_penalty: RepeatPenalty,
        seed: Option<Seed>,
        stop: Option<Stop>,
        on_token: Option<Py<PyAny>>,
        grammar: Option<Grammar>,
        logprobs: Option<Logprobs>,
    ) -> PyResult<PyCompletion> {
        let options = Options::new(max_tokens, temperature, top_k, top_p, min_p, repeat_penalty, seed, stop)
            .with(grammar, logprobs);
        let stream = self.start(py, prompt, options, Pacing::EachPiece)?;
        stream.completed(py, on_token.as_ref()).map(PyCompletion::from)
    }

    fn embed(&self, py: Python<'_>, texts: Texts) -> PyResult<Encoded<Vec<f32>>> {
        let model = self.loaded(py)?;
        py.detach(|| model.embed(&texts.0)).or_raise(py)
    }

    fn rerank(&self, py: Python<'_>, query: String, documents: Texts) -> PyResult<Encoded<f32>> {
        let model = self.loaded(py)?;
        py.detach(|| model.rerank(&query, &documents.0)).or_raise(py)
    }

    fn next_logits(&self, py: Python<'_>, prompt: Prompt) -> PyResult<Vec<f32>> {
        let stream = self.start(py, prompt, Options::first_logits(), Pacing::EachPiece)?;
        stream.completed(py, None).map(|completion| completion.logits)
    }

    #[pyo3(
        signature = (
            prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
            min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None, coalesce_ms=CoalesceMs(0.0),
            grammar=None, logprobs=None
        ),
        text_signature = "($self, prompt, max_tokens=256, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, \
                          repeat_penalty=1.0, seed=None, stop=(), coalesce_ms=0, grammar=None, logprobs=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn stream(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        max_tokens: MaxTokens,
        temperature: Temperature,
        top_k: TopK,
        top_p: TopP,
        min_p: MinP,
        repeat_penalty: RepeatPenalty,
        seed: Option<Seed>,
        stop: Option<Stop>,
        coalesce_ms: CoalesceMs,
        grammar: Option<Grammar>,
        logprobs: Option<Logprobs>,
    ) -> PyResult<PyTokenStream> {
        let options = Options::new(max_tokens, temperature, top_k, top_p, min_p, repeat_penalty, seed, stop)
            .with(grammar, logprobs);
        self.start(py, prompt, options, pacing(coalesce_ms))
    }

    #[pyo3(
        signature = (
            prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
            min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None, on_token=None, grammar=None,
            logprobs=None
        ),
        text_signature = "($self, prompt, max_tokens=256, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, \
                          repeat_penalty=1.0, seed=None, stop=(), on_token=None, grammar=None, logprobs=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each argument of the Python method")]
    fn agenerate<'py>(
        &self,
        py: Python<'py>,
        prompt: Prompt,
        max_tokens: MaxTokens,
        temperature: Temperature,
        top_k: TopK,
        top_p: TopP,
        min_p: MinP,
        repeat_penalty: RepeatPenalty,
        seed: Option<Seed>,
        stop: Option<Stop>,
        on_token: Option<Py<PyAny>>,
        grammar: Option<Grammar>,
        logprobs: Option<Logprobs>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = Options::new(max_tokens, temperature, top_k, top_p, min_p, repeat_penalty, seed, stop)
            .with(grammar, logprobs);
        let stream = Bound::new(py, self.start(py, prompt, options, Pacing::EachPiece)?)?;
        asyncio::completion(&stream, on_token)
    }
}

/// A load that has to wait for something else to end.
pub(crate) fn busy(py: Python<'_>, path: &Path, reason: &str) -> PyErr {
    to_python(py, &Error::LoadFailed { path: path.to_owned(), reason: reason.to_owned() })
}
