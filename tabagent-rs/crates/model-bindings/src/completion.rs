//! A finished completion, as Python sees it.

use crate::logprobs::PyTokenLogprob;
use generation::{Completion, Timings};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::time::Duration;

/// What a generation gave.
#[pyclass(frozen, name = "Completion", module = "tabagent_model")]
pub(crate) struct PyCompletion(Completion);

impl From<Completion> for PyCompletion {
    fn from(completion: Completion) -> Self {
        Self(completion)
    }
}

#[pymethods]
impl PyCompletion {
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn tokens(&self) -> Vec<i32> {
        self.0.tokens.clone()
    }

    #[getter]
    fn logprobs(&self) -> Vec<PyTokenLogprob> {
        self.0.logprobs.iter().cloned().map(PyTokenLogprob::from).collect()
    }

    #[getter]
    fn finish_reason(&self) -> &'static str {
        self.0.finish_reason.name()
    }

    #[getter]
    fn stop_sequence(&self) -> Option<&str> {
        self.0.stop_sequence.as_deref()
    }

    #[getter]
    fn prompt_tokens(&self) -> usize {
        self.0.prompt_tokens
    }

    #[getter]
    fn completion_tokens(&self) -> usize {
        self.0.tokens.len()
    }

    #[getter]
    fn cached_tokens(&self) -> usize {
        self.0.cached_tokens
    }

    #[getter]
    fn timings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Timings { queue, prefill, decode, time_to_first_token } = self.0.timings;
        let computed = self.0.prompt_tokens - self.0.cached_tokens;
        let timings = PyDict::new(py);
        timings.set_item("queue_ms", milliseconds(queue))?;
        timings.set_item("prefill_ms", milliseconds(prefill))?;
        timings.set_item("decode_ms", milliseconds(decode))?;
        timings.set_item("time_to_first_token_ms", milliseconds(time_to_first_token))?;
        timings.set_item("prefill_tokens_per_second", rate(computed, prefill))?;
        // The first token comes out of the prefill.
        timings.set_item("decode_tokens_per_second", rate(self.0.tokens.len().saturating_sub(1), decode))?;
        Ok(timings)
    }

    fn __repr__(&self) -> String {
        format!(
            "Completion(finish_reason={:?}, prompt_tokens={}, completion_tokens={}, cached_tokens={}, text={:?})",
            self.finish_reason(),
            self.0.prompt_tokens,
            self.0.tokens.len(),
            self.0.cached_tokens,
            self.0.text
        )
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn rate(tokens: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { tokens as f64 / time.as_secs_f64() }
}
