//! Progress of a load, told to Python.

use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a load without a progress callback looks up for signals.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// Calls Python's callback, notices Ctrl-C, and keeps what was raised.
pub(crate) struct Reporter {
    progress: Option<Arc<Py<PyAny>>>,
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl Reporter {
    pub(crate) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress: progress.map(Arc::new), raised: Arc::default() }
    }

    /// To be called with the loaded fraction; false from it ends the load.
    pub(crate) fn callback(&self) -> impl FnMut(f32) -> bool + 'static {
        let (progress, raised) = (self.progress.clone(), Arc::clone(&self.raised));
        let mut looked_up = Instant::now();
        move |fraction| {
            if progress.is_none() && looked_up.elapsed() < SIGNAL_CHECK {
                return true;
            }
            looked_up = Instant::now();
            let outcome = Python::attach(|py| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |call| call.call1(py, (fraction,)).map(|_| ()))
            });
            let keep = |error| *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            outcome.map_err(keep).is_ok()
        }
    }

    /// What the callback raised.
    pub(crate) fn raise(&self) -> PyResult<()> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}
