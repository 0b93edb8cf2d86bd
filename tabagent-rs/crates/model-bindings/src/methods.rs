//! What the model classes have in common: their methods, parameters and defaults, once.
//!
//! A macro, because PyO3 takes a class's methods in one block and knows no generic ones.

pub(crate) use crate::arguments::{
    CoalesceMs, ContextLength, Grammar, Logprobs, MaxTokens, MinP, Parallel, Prompt, RepeatPenalty, Seed, Stop,
    Temperature, Threads, TokenId, Tokens, TopK, TopP,
};
pub(crate) use crate::asyncio;
pub(crate) use crate::completion::PyCompletion;
pub(crate) use crate::errors::OrRaise;
pub(crate) use crate::options::{Options, capacity, pacing};
pub(crate) use crate::slot::Slot;
pub(crate) use crate::stream::PyTokenStream;
pub(crate) use generation::Pacing;
pub(crate) use pyo3::prelude::*;
pub(crate) use pyo3::types::{PyDict, PyTuple};

/// The methods of a class with a `slot`, and those that are its own.
macro_rules! model_class {
    ($class:ident, $facts:ty, { $($own:tt)* }) => {
        impl $class {
            fn fact<T>(&self, py: Python<'_>, read: impl FnOnce(&$facts) -> T) -> PyResult<T> {
                self.slot.loaded(py).map(|model| read(model.facts()))
            }

            fn start(
                &self,
                py: Python<'_>,
                prompt: Prompt,
                options: Options,
                pacing: Pacing,
            ) -> PyResult<PyTokenStream> {
                let model = self.slot.loaded(py)?;
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
        impl $class {
            #[new]
            fn new() -> Self {
                Self { slot: Slot::new() }
            }

            $($own)*

            fn close(&self, py: Python<'_>) {
                let model = self.slot.take();
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
                self.slot.current().is_some()
            }

            #[getter]
            fn vocab_size(&self, py: Python<'_>) -> PyResult<usize> {
                self.fact(py, |facts| facts.vocab_size)
            }

            #[getter]
            fn longest_token(&self, py: Python<'_>) -> PyResult<usize> {
                self.fact(py, |facts| facts.longest_token)
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
            fn embedding_dim(&self, py: Python<'_>) -> PyResult<usize> {
                self.fact(py, |facts| facts.embedding_length as usize)
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

            fn special_tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let model = self.slot.loaded(py)?;
                let tokens = PyDict::new(py);
                for (text, token) in py.detach(|| model.special_tokens()) {
                    tokens.set_item(text, token)?;
                }
                Ok(tokens)
            }

            fn token_text(&self, py: Python<'_>, token: TokenId) -> PyResult<String> {
                self.slot.loaded(py)?.token_text(token.0).or_raise(py)
            }

            #[pyo3(signature = (text, add_special=false, parse_special=false))]
            fn tokenize(
                &self,
                py: Python<'_>,
                text: String,
                add_special: bool,
                parse_special: bool,
            ) -> PyResult<Vec<i32>> {
                let model = self.slot.loaded(py)?;
                py.detach(|| model.tokenize(&text, add_special, parse_special)).or_raise(py)
            }

            #[pyo3(signature = (tokens, special=false))]
            fn detokenize(&self, py: Python<'_>, tokens: Tokens, special: bool) -> PyResult<String> {
                let model = self.slot.loaded(py)?;
                py.detach(|| model.detokenize(&tokens.0, special)).or_raise(py)
            }

            #[pyo3(
                signature = (
                    prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
                    min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None, on_token=None,
                    grammar=None, logprobs=None
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

            fn next_logits(&self, py: Python<'_>, prompt: Prompt) -> PyResult<Vec<f32>> {
                let stream = self.start(py, prompt, Options::first_logits(), Pacing::EachPiece)?;
                stream.completed(py, None).map(|completion| completion.logits)
            }

            #[pyo3(
                signature = (
                    prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
                    min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None,
                    coalesce_ms=CoalesceMs(0.0), grammar=None, logprobs=None, shown=None
                ),
                text_signature = "($self, prompt, max_tokens=256, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, \
                                  repeat_penalty=1.0, seed=None, stop=(), coalesce_ms=0, grammar=None, logprobs=None, \
                                  shown=())"
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
                shown: Option<Tokens>,
            ) -> PyResult<PyTokenStream> {
                let options = Options::new(max_tokens, temperature, top_k, top_p, min_p, repeat_penalty, seed, stop)
                    .with(grammar, logprobs)
                    .showing(shown);
                self.start(py, prompt, options, pacing(coalesce_ms))
            }

            #[pyo3(
                signature = (
                    prompt, max_tokens=MaxTokens(256), temperature=Temperature(0.8), top_k=TopK(40), top_p=TopP(0.95),
                    min_p=MinP(0.05), repeat_penalty=RepeatPenalty(1.0), seed=None, stop=None, on_token=None,
                    grammar=None, logprobs=None
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
    };
}
