//! Streams for asyncio, without a thread per waiter.
//!
//! A waiter is a future and a callable that tries to complete it. When there is nothing to read, the scheduler's thread
//! only puts the callable into a queue; one thread of ours takes the interpreter lock and schedules it on its event loop.
//! So the scheduler never waits for Python.

use crate::completion::PyCompletion;
use crate::errors::to_python;
use crate::stream::PyTokenStream;
use generation::Next;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

/// What a future is waiting for.
enum Goal {
    /// The next piece of text
    Piece,
    /// The completion, showing each piece to a callback
    Completion(Option<Py<PyAny>>),
}

/// Completes a future from a stream, as often called as it takes.
#[pyclass(frozen)]
struct Waiter {
    stream: Py<PyTokenStream>,
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    goal: Goal,
}

/// A future for the next piece; it raises `StopAsyncIteration` at the end.
pub(crate) fn next_piece<'py>(stream: &Bound<'py, PyTokenStream>) -> PyResult<Bound<'py, PyAny>> {
    let waiter = Waiter::start(stream, Goal::Piece)?;
    Ok(waiter.get().future.bind(stream.py()).clone())
}

/// A future for the completion. Cancelling it cancels the generation.
pub(crate) fn completion<'py>(
    stream: &Bound<'py, PyTokenStream>,
    on_token: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let waiter = Waiter::start(stream, Goal::Completion(on_token))?;
    let future = waiter.get().future.bind(stream.py()).clone();
    future.call_method1("add_done_callback", (waiter,))?;
    Ok(future)
}

impl Waiter {
    fn start<'py>(stream: &Bound<'py, PyTokenStream>, goal: Goal) -> PyResult<Bound<'py, Self>> {
        let py = stream.py();
        let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
        let future = event_loop.call_method0("create_future")?.unbind();
        let waiter = Self { stream: stream.clone().unbind(), event_loop: event_loop.unbind(), future, goal };
        let waiter = Bound::new(py, waiter)?;
        Self::advance(&waiter)?;
        Ok(waiter)
    }

    /// Completes the future or arranges to be called again.
    fn advance(waiter: &Bound<'_, Self>) -> PyResult<()> {
        let py = waiter.py();
        let this = waiter.get();
        let (future, stream) = (this.future.bind(py), this.stream.get().inner());
        loop {
            if future.call_method0("done")?.is_truthy()? {
                if matches!(this.goal, Goal::Completion(_)) && future.call_method0("cancelled")?.is_truthy()? {
                    stream.cancel();
                }
                return Ok(());
            }
            match (stream.try_next(), &this.goal) {
                (Next::Text(text), Goal::Piece) => return complete(future, text),
                (Next::Text(text), Goal::Completion(on_token)) => {
                    if let Some(Err(error)) = on_token.as_ref().map(|call| call.call1(py, (text,))) {
                        stream.cancel();
                        return fail(future, error);
                    }
                }
                (Next::Finished(Ok(_)), Goal::Piece) => return fail(future, PyStopAsyncIteration::new_err(())),
                (Next::Finished(Ok(done)), Goal::Completion(_)) => return complete(future, PyCompletion::from(done)),
                (Next::Finished(Err(error)), _) => return fail(future, to_python(py, &error)),
                (Next::Pending(Some(gathering)), _) => {
                    let event_loop = this.event_loop.bind(py);
                    event_loop.call_method1("call_later", (gathering.as_secs_f64(), waiter))?;
                    return Ok(());
                }
                (Next::Pending(None), _) => {
                    let again = waiter.clone().unbind();
                    if stream.on_ready(move || wake_later(again)) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

#[pymethods]
impl Waiter {
    #[pyo3(signature = (*_arguments))]
    fn __call__(slf: &Bound<'_, Self>, _arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        Self::advance(slf)
    }
}

fn complete<'py>(future: &Bound<'py, PyAny>, result: impl IntoPyObjectExt<'py>) -> PyResult<()> {
    future.call_method1("set_result", (result.into_bound_py_any(future.py())?,)).map(|_| ())
}

fn fail(future: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    future.call_method1("set_exception", (error.into_value(future.py()),)).map(|_| ())
}

/// Schedules a waiter on its event loop, from our thread.
fn wake_later(waiter: Py<Waiter>) {
    static WAKER: OnceLock<Sender<Py<Waiter>>> = OnceLock::new();
    let waker = WAKER.get_or_init(|| {
        let (sender, waiters) = channel::<Py<Waiter>>();
        std::thread::spawn(move || {
            for waiter in waiters {
                // None while the interpreter shuts down; nobody waits then.
                Python::try_attach(|py| schedule(waiter.bind(py)));
            }
        });
        sender
    });
    // The thread lives as long as the process.
    let _ = waker.send(waiter);
}

fn schedule(waiter: &Bound<'_, Waiter>) {
    let event_loop = waiter.get().event_loop.bind(waiter.py());
    // The loop may be closed by now, and then nobody waits.
    let _ = event_loop.call_method1("call_soon_threadsafe", (waiter,));
}
