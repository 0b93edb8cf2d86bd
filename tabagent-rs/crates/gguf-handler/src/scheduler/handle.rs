//! How other threads talk to the scheduler.

use super::worker::Worker;
use crate::llama::{Context, Watch};
use generation::{Control, Error, Result, Waiting};
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

    /// Ends the scheduler.
    pub(crate) fn close(&self) {
        // It may have ended already.
        let _ = self.commands.send(Command::Close);
        self.watch.interrupt();
    }
}

impl Control for Handle {
    fn wake(&self) {
        // An ended scheduler has nothing to look at.
        let _ = self.commands.send(Command::Wake);
    }

    /// In this order: the scheduler clears the flag before it reads its messages.
    fn interrupt(&self) {
        self.wake();
        self.watch.interrupt();
    }

    fn activity(&self) -> Option<u64> {
        self.watch.activity()
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
