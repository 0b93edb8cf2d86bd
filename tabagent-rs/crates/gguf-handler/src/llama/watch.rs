//! What other threads and a running computation tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A wish to stop in one direction, a sign of life in the other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    interrupt: AtomicBool,
    beats: AtomicU64,
    idle: AtomicBool,
}

impl Watch {
    /// Stops the running decode, or the next one.
    pub(crate) fn interrupt(&self) {
        self.interrupt.store(true, Ordering::SeqCst);
    }

    /// Forgets an interrupt.
    pub(crate) fn clear_interrupt(&self) {
        self.interrupt.store(false, Ordering::SeqCst);
    }

    /// Called for every node of a computation's graph: it is alive. True when it is to stop.
    pub(super) fn beat(&self) -> bool {
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Says that there is nothing to compute, or that there is again.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Relaxed);
    }

    /// A number that grows while a computation goes on; `None` while there is none to wait for.
    pub(crate) fn activity(&self) -> Option<u64> {
        (!self.idle.load(Ordering::Relaxed)).then(|| self.beats.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_seen_and_an_interrupt_is_felt() {
        let watch = Watch::default();
        let before = watch.activity();
        assert!(!watch.beat());
        assert_ne!(watch.activity(), before);
        watch.interrupt();
        assert!(watch.beat());
        watch.clear_interrupt();
        assert!(!watch.beat());
        watch.set_idle(true);
        assert_eq!(watch.activity(), None);
    }
}
