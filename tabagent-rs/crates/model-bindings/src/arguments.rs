//! Arguments as they come from Python, checked before anything else sees them.
//!
//! A wrong number raises `InvalidParameter` (a `ValueError`) with the parameter's name, whatever is wrong with it: its
//! type, its sign, its size, or that it is a bool or not a number at all.

use crate::errors::invalid;
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyString};

/// How much of a wrong value an error message quotes.
const QUOTED: usize = 60;

fn quoted(value: &Bound<'_, PyAny>) -> String {
    let text =
        value.repr().map_or_else(|_| "an object without repr".into(), |text| text.to_string_lossy().into_owned());
    if text.chars().count() > QUOTED { text.chars().take(QUOTED).chain("…".chars()).collect() } else { text }
}

fn integer(value: &Bound<'_, PyAny>, name: &'static str, low: u64, high: u64) -> PyResult<u64> {
    let found = (!value.is_instance_of::<PyBool>()).then(|| value.extract::<u64>().ok()).flatten();
    found.filter(|number| (low..=high).contains(number)).ok_or_else(|| {
        let reason = format!("must be an integer between {low} and {high}, got {}", quoted(value));
        invalid(value.py(), name, reason)
    })
}

fn number(value: &Bound<'_, PyAny>, name: &'static str, low: f64, high: f64) -> PyResult<f64> {
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    let found = (is_number && !value.is_instance_of::<PyBool>()).then(|| value.extract::<f64>().ok()).flatten();
    found.filter(|number| (low..=high).contains(number)).ok_or_else(|| {
        let reason = format!("must be a number between {low} and {high}, got {}", quoted(value));
        invalid(value.py(), name, reason)
    })
}

macro_rules! parameter {
    ($type:ident, $inner:ty, $check:ident, $name:literal, $low:expr, $high:expr) => {
        #[doc = concat!("The parameter `", $name, "`, in its range.")]
        #[derive(Clone, Copy)]
        pub(crate) struct $type(pub(crate) $inner);

        impl<'py> FromPyObject<'_, 'py> for $type {
            type Error = PyErr;

            fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                // The range makes the conversion exact, up to the precision of the model's floats.
                $check(&value, $name, $low, $high).map(|number| Self(number as $inner))
            }
        }
    };
}

const I32_MAX: u64 = i32::MAX as u64;

parameter!(MaxTokens, u32, integer, "max_tokens", 1, I32_MAX);
parameter!(Temperature, f32, number, "temperature", 0.0, 100.0);
parameter!(TopK, u32, integer, "top_k", 0, I32_MAX);
parameter!(TopP, f32, number, "top_p", 0.0, 1.0);
parameter!(MinP, f32, number, "min_p", 0.0, 1.0);
parameter!(RepeatPenalty, f32, number, "repeat_penalty", 0.01, 10.0);
parameter!(Seed, u64, integer, "seed", 0, u64::MAX);
parameter!(CoalesceMs, f64, number, "coalesce_ms", 0.0, 60_000.0);
parameter!(Logprobs, u8, integer, "logprobs", 0, 20);
parameter!(GpuLayers, u32, integer, "gpu_layers", 0, 100_000);
parameter!(ContextLength, u32, integer, "context_length", 1, I32_MAX);
parameter!(Parallel, u32, integer, "n_parallel", 1, 64);
parameter!(Threads, u32, integer, "threads", 1, 512);
parameter!(ThreadsOrAll, u32, integer, "threads", 0, 512);
parameter!(TokenId, i32, integer, "token", 0, I32_MAX);

/// A prompt: text, or tokens that are already there.
pub(crate) enum Prompt {
    /// Text to tokenise
    Text(String),
    /// Tokens
    Tokens(Vec<i32>),
}

impl<'py> FromPyObject<'_, 'py> for Prompt {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            return text(&value, "prompt").map(Prompt::Text);
        }
        tokens(&value, "prompt").map(Prompt::Tokens)
    }
}

/// The parameter `tokens`.
pub(crate) struct Tokens(pub(crate) Vec<i32>);

impl<'py> FromPyObject<'_, 'py> for Tokens {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        tokens(&value, "tokens").map(Self)
    }
}

/// The parameters `texts` and `documents`.
pub(crate) struct Texts(pub(crate) Vec<String>);

impl<'py> FromPyObject<'_, 'py> for Texts {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let wrong = || invalid(value.py(), "texts", format!("must be several texts, got {}", quoted(&value)));
        if value.is_instance_of::<PyString>() {
            return Err(wrong());
        }
        let items = value.try_iter().map_err(|_| wrong())?;
        items.map(|item| text(&item.map_err(|_| wrong())?, "texts")).collect::<PyResult<_>>().map(Self)
    }
}

/// The parameter `stop`: texts, or one text.
pub(crate) struct Stop(pub(crate) Vec<String>);

impl<'py> FromPyObject<'_, 'py> for Stop {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            return Ok(Self(vec![text(&value, "stop")?]));
        }
        let wrong = |_| invalid(value.py(), "stop", format!("must be texts, got {}", quoted(&value)));
        let items = value.try_iter().map_err(wrong)?;
        items.map(|item| text(&item.map_err(wrong)?, "stop")).collect::<PyResult<_>>().map(Self)
    }
}

/// The parameter `grammar`.
pub(crate) struct Grammar(pub(crate) String);

impl<'py> FromPyObject<'_, 'py> for Grammar {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        text(&value, "grammar").map(Self)
    }
}

fn text(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<String> {
    value.extract().map_err(|_| invalid(value.py(), name, format!("must be Unicode text, got {}", quoted(value))))
}

fn tokens(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Vec<i32>> {
    let wrong = || invalid(value.py(), name, format!("must be token ids, got {}", quoted(value)));
    // Their items are integers too, and meant as text.
    if value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        return Err(wrong());
    }
    let items = value.try_iter().map_err(|_| wrong())?;
    items.map(|item| integer(&item.map_err(|_| wrong())?, name, 0, I32_MAX).map(|token| token as i32)).collect()
}
