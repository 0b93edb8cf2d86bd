//! A running generation, as an iterator and an asynchronous iterator.

use crate::asyncio;
use crate::completion::PyCompletion;
use crate::errors::{OrRaise, to_python};
use crate::logprobs::PyTokenLogprob;
use generation::{Completion, Error, Next, TokenStream};
use pyo3::prelude::*;
use std::time::Duration;

/// How long a wait may keep Ctrl-C from being noticed.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// Text of one generation as it comes.
#[pyclass(frozen, name = "TokenStream", module = "tabagent_model")]
pub(crate) struct PyTokenStream(TokenStream);

/// What a blocking read gave.
pub(crate) enum Piece {
    /// Text
    Text(String),
    /// The end
    End(Box<Completion>),
}

impl PyTokenStream {
    pub(crate) fn new(stream: TokenStream) -> Self {
        Self(stream)
    }

    pub(crate) fn inner(&self) -> &TokenStream {
        &self.0
    }

    /// Waits for the next piece without the interpreter lock, looking up for signals.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<Piece> {
        loop {
            match py.detach(|| self.0.next(SIGNAL_CHECK)) {
                Next::Text(text) => return Ok(Piece::Text(text)),
                Next::Finished(outcome) => return outcome.or_raise(py).map(|done| Piece::End(Box::new(done))),
                Next::Pending(_) => py.check_signals()?,
            }
        }
    }
}

impl PyTokenStream {
    /// Waits for the end, showing each piece to a callback.
    pub(crate) fn completed(&self, py: Python<'_>, on_token: Option<&Py<PyAny>>) -> PyResult<Completion> {
        loop {
            match self.wait(py)? {
                Piece::End(completion) => return Ok(*completion),
                Piece::Text(text) => {
                    if let Some(call) = on_token {
                        call.call1(py, (text,))?;
                    }
                }
            }
        }
    }
}

#[pymethods]
impl PyTokenStream {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<String>> {
        match self.wait(py)? {
            Piece::Text(text) => Ok(Some(text)),
            Piece::End(_) => Ok(None),
        }
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        asyncio::next_piece(slf)
    }

    fn take_logprobs(&self) -> Vec<PyTokenLogprob> {
        self.0.take_logprobs().into_iter().map(PyTokenLogprob::from).collect()
    }

    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.0.cancel());
    }

    #[getter]
    fn progress(&self) -> (u64, u64) {
        self.0.prefill_progress()
    }

    #[getter]
    fn queued(&self) -> bool {
        self.0.is_queued()
    }

    #[getter]
    fn activity(&self) -> Option<u64> {
        self.0.activity()
    }

    #[getter]
    fn completion(&self, py: Python<'_>) -> PyResult<PyCompletion> {
        match self.0.outcome() {
            Some(outcome) => outcome.or_raise(py).map(PyCompletion::from),
            None => Err(to_python(py, &Error::GenerationFailed { reason: "it has not ended yet".into() })),
        }
    }
}
