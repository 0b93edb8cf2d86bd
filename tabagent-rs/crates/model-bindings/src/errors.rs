//! Rust errors to the exceptions of `tabagent_model.errors`.

use generation::Error;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::Path;

/// The exception for an error. When even that fails, the reason why it failed.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failure| failure)
}

/// An `InvalidParameter` exception.
pub(crate) fn invalid(py: Python<'_>, name: &'static str, reason: String) -> PyErr {
    to_python(py, &Error::InvalidParameter { name, reason })
}

/// Extension for results of the Rust side.
pub(crate) trait OrRaise<T> {
    /// The value, or the error as an exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for generation::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_python(py, &error))
    }
}

impl<T> OrRaise<T> for model_loader::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_python(py, &error.into()))
    }
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    let mut path: Option<&Path> = None;
    let class = match error {
        Error::File(error) => return build_file_error(py, error),
        Error::UnknownArchitecture { path: at, architecture } => {
            path = Some(at);
            details.set_item("architecture", architecture)?;
            "UnknownArchitecture"
        }
        Error::InsufficientMemory { path: at, needed, available } => {
            path = Some(at);
            details.set_item("needed_bytes", needed)?;
            details.set_item("available_bytes", available)?;
            "InsufficientMemory"
        }
        Error::LibraryLoad { path: at, reason } => {
            path = Some(at);
            details.set_item("reason", reason)?;
            "LibraryLoadError"
        }
        Error::LoadFailed { path: at, reason } => {
            path = Some(at);
            details.set_item("reason", reason)?;
            "LoadFailed"
        }
        Error::NoTokenizer { path: at, reason } => {
            path = Some(at);
            details.set_item("reason", reason)?;
            "TokenizerNotFound"
        }
        Error::Device { device, reason } => {
            details.set_item("device", device)?;
            details.set_item("reason", reason)?;
            "DeviceUnavailable"
        }
        Error::ContextOverflow { prompt_tokens, context_length } => {
            details.set_item("prompt_tokens", prompt_tokens)?;
            details.set_item("context_length", context_length)?;
            "ContextOverflow"
        }
        Error::WrongTask { action, can } => {
            details.set_item("action", action)?;
            details.set_item("can", can)?;
            "WrongTask"
        }
        Error::InvalidParameter { name, reason } => {
            details.set_item("name", name)?;
            details.set_item("reason", reason)?;
            "InvalidParameter"
        }
        Error::GenerationFailed { reason } => {
            details.set_item("reason", reason)?;
            "GenerationFailed"
        }
        Error::Cancelled => "Cancelled",
        Error::Closed => "ModelClosed",
    };
    instance(py, class, &error.to_string(), path, details)
}

fn build_file_error(py: Python<'_>, error: &model_loader::Error) -> PyResult<PyErr> {
    use model_loader::Error;

    let details = PyDict::new(py);
    let (class, path) = match error {
        Error::NotFound { path } => ("ModelNotFound", Some(path)),
        Error::Unreadable { path, reason } => {
            details.set_item("reason", reason)?;
            ("LoadFailed", Some(path))
        }
        Error::WrongFormat { path, format, reason } => {
            details.set_item("format", format)?;
            details.set_item("reason", reason)?;
            (if *format == "GGUF" { "NotGguf" } else { "WrongFormat" }, Some(path))
        }
        Error::Corrupt { path, reason } => {
            details.set_item("reason", reason)?;
            ("CorruptModel", Some(path))
        }
        Error::Unsafe { path, reason } => {
            details.set_item("reason", reason)?;
            ("ModelRefused", Some(path))
        }
        Error::BadName { name, reason } => {
            details.set_item("name", name)?;
            details.set_item("reason", reason)?;
            ("UnknownModel", None)
        }
        Error::Hub { endpoint, repository, reason, status } => {
            details.set_item("endpoint", endpoint)?;
            details.set_item("repository", repository)?;
            details.set_item("reason", reason)?;
            details.set_item("status", status)?;
            ("HubError", None)
        }
    };
    instance(py, class, &error.to_string(), path.map(AsRef::as_ref), details)
}

fn instance(
    py: Python<'_>,
    class: &str,
    message: &str,
    path: Option<&Path>,
    details: Bound<'_, PyDict>,
) -> PyResult<PyErr> {
    let class = py.import("tabagent_model.errors")?.getattr(class)?;
    let keywords = PyDict::new(py);
    keywords.set_item("path", path.map(|path| path.to_string_lossy()))?;
    keywords.set_item("details", details)?;
    let instance = class.call((message,), Some(&keywords))?;
    if instance.is_instance_of::<PyException>() {
        Ok(PyErr::from_value(instance))
    } else {
        Err(PyException::new_err(message.to_owned()))
    }
}
