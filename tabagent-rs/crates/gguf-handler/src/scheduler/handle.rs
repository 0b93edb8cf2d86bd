//! How other threads talk to the scheduler.

use super::sequence::Waiting;
use super::worker::Worker;
use crate::error::{Error, Result};
use crate::llama::{Context, Watch};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{Builder, JoinHandle};

/// A message to the scheduler.
pub(super) enum Command {
    /// A new request
    Submit(Box<Waiting>),
    /// Something changed: look again
    Wake,
    /// End, leaving nothing behind
    Close,
}

/// Sends to the scheduler; cheap to clone. Sending to a scheduler that has ended does nothing.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: Sender<Command>,
    watch: Arc<Watch>,
}

impl Handle {
    /// Queues a request.
    pub(crate) fn submit(&self, waiting: Waiting) -> Result<()> {
        self.commands.send(Command::Submit(Box::new(waiting))).map_err(|_| Error::Closed)
    }

    /// Makes the scheduler look at its streams again.
    pub(crate) fn wake(&self) {
        // An ended scheduler has nothing to look at.
        let _ = self.commands.send(Command::Wake);
    }

    /// Wakes and stops the running decode. In this order: the scheduler clears the flag before it reads its messages.
    pub(crate) fn interrupt(&self) {
        self.wake();
        self.watch.interrupt();
    }

    /// A number that grows while the scheduler computes; `None` while it waits for requests or readers.
    pub(crate) fn activity(&self) -> Option<u64> {
        self.watch.activity()
    }

    /// Ends the scheduler.
    pub(crate) fn close(&self) {
        // It may have ended already.
        let _ = self.commands.send(Command::Close);
        self.watch.interrupt();
    }

    /// A handle to nothing.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self { commands: mpsc::channel().0, watch: Arc::default() }
    }
}

/// Starts the scheduler's thread on a context that `watch` sees.
pub(crate) fn start(context: Context, watch: Arc<Watch>) -> Result<(Handle, JoinHandle<()>)> {
    let (commands, inbox) = mpsc::channel();
    let path = context.model().path().to_owned();
    let worker = Worker::new(context, inbox, Arc::clone(&watch));
    let thread = Builder::new()
        .name("tabagent-scheduler".into())
        .spawn(move || worker.run())
        .map_err(|error| Error::LoadFailed { path, reason: error.to_string() })?;
    Ok((Handle { commands, watch }, thread))
}
