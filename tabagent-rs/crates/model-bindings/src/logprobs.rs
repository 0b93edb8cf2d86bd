//! How likely a drawn token was, as Python sees it.

use generation::TokenLogprob;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A drawn token, its log probability, and the likeliest tokens in its place.
#[pyclass(frozen, name = "TokenLogprob", module = "tabagent_model")]
pub(crate) struct PyTokenLogprob(TokenLogprob);

impl From<TokenLogprob> for PyTokenLogprob {
    fn from(logprob: TokenLogprob) -> Self {
        Self(logprob)
    }
}

#[pymethods]
impl PyTokenLogprob {
    #[getter]
    fn token(&self) -> i32 {
        self.0.token
    }

    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.bytes)
    }

    #[getter]
    fn logprob(&self) -> f64 {
        self.0.logprob
    }

    #[getter]
    fn top<'py>(&self, py: Python<'py>) -> Vec<(i32, Bound<'py, PyBytes>, f64)> {
        self.0.top.iter().map(|(token, bytes, logprob)| (*token, PyBytes::new(py, bytes), *logprob)).collect()
    }

    fn __repr__(&self) -> String {
        let bytes = String::from_utf8_lossy(&self.0.bytes);
        format!("TokenLogprob(token={}, text={bytes:?}, logprob={:.4})", self.0.token, self.0.logprob)
    }
}
