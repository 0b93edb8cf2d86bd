//! The place of one loaded model, filled and emptied while others use it.

use crate::errors::{OrRaise, to_python};
use crate::progress::Reporter;
use generation::{Error, Result};
use pyo3::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Tells the loaded fraction; false ends the load.
pub(crate) type Progress = Box<dyn FnMut(f32) -> bool + Send>;

/// One model, or none.
pub(crate) struct Slot<M> {
    model: RwLock<Option<Arc<M>>>,
    loading: Mutex<()>,
}

impl<M: Send + Sync> Slot<M> {
    pub(crate) fn new() -> Self {
        Self { model: RwLock::new(None), loading: Mutex::new(()) }
    }

    /// The model, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<M>> {
        self.model.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model.
    pub(crate) fn loaded(&self, py: Python<'_>) -> PyResult<Arc<M>> {
        self.current().ok_or_else(|| to_python(py, &Error::Closed))
    }

    /// Keeps what `load` makes of the file at `path`.
    pub(crate) fn fill(
        &self,
        py: Python<'_>,
        path: &Path,
        progress: Option<Py<PyAny>>,
        load: impl FnOnce(Progress) -> Result<M> + Send,
    ) -> PyResult<()> {
        let busy =
            |reason: &str| to_python(py, &Error::LoadFailed { path: path.to_owned(), reason: reason.to_owned() });
        let Ok(_loading) = self.loading.try_lock() else {
            return Err(busy("another load is under way"));
        };
        if self.current().is_some() {
            return Err(busy("a model is already loaded; close it first"));
        }
        let reporter = Reporter::new(progress);
        let callback = Box::new(reporter.callback());
        let loaded = py.detach(|| load(callback));
        reporter.raise()?;
        let model = Arc::new(loaded.or_raise(py)?);
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = Some(model);
        Ok(())
    }

    /// Has none from now on.
    pub(crate) fn take(&self) -> Option<Arc<M>> {
        self.model.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}
