//! The way from the scheduler to one caller.
//!
//! Bounded: when the caller does not read, [`Producer::has_room`] turns false and the scheduler leaves that sequence out
//! of its steps; no thread waits. Reading on, cancelling and dropping wake the scheduler.

use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::logprobs::TokenLogprob;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pieces that wait for the caller before its sequence is paused.
const CAPACITY: usize = 256;
/// Gathered text is handed over early when it reaches this many bytes.
const GATHER_BYTES: usize = 4096;

/// What a read of a stream found.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Text
    Text(String),
    /// Nothing yet; with a time when text is being gathered and will be handed over after it
    Pending(Option<Duration>),
    /// The end; every later read finds it again
    Finished(Result<Completion>),
}

/// How eagerly text is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// Every piece as it comes
    #[default]
    EachPiece,
    /// The first piece at once, later ones gathered for at least this long or 4 KiB
    Gather(Duration),
}

/// How a stream talks back to whatever computes it.
pub trait Control: Send + Sync {
    /// Look at the streams again
    fn wake(&self);
    /// Wakes, and stops the running step for it
    fn interrupt(&self);
    /// A number that grows while it computes; `None` while it waits for requests or readers
    fn activity(&self) -> Option<u64>;
}

/// Text, and how many log probabilities there had been with it.
struct Piece {
    text: String,
    logprobs: usize,
}

type Waker = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// Of tokens whose text waits, or was handed over since the caller last took them
    logprobs: VecDeque<TokenLogprob>,
    /// How many there have been, how many of them belong to text that was handed over, and how many were taken
    logprobs_given: usize,
    logprobs_due: usize,
    logprobs_taken: usize,
    last_handover: Option<Instant>,
    outcome: Option<Result<Completion>>,
    waker: Option<Waker>,
    paused: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    cancelled: AtomicBool,
    prefill_done: AtomicU64,
    prefill_total: AtomicU64,
    admitted: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(wake) = waker {
            wake();
        }
    }
}

/// The scheduler's end. Dropped unfinished, it tells the caller that the model is closed.
pub struct Producer(Arc<Shared>);

impl Producer {
    /// Hands over text.
    pub fn push(&self, text: String) {
        if !text.is_empty() {
            self.0.change(|state| {
                state.bytes += text.len();
                state.pieces.push_back(Piece { text, logprobs: state.logprobs_given });
            });
        }
    }

    /// Adds what belongs to the next text.
    pub fn push_logprob(&self, logprob: TokenLogprob) {
        let mut state = self.0.lock();
        state.logprobs.push_back(logprob);
        state.logprobs_given += 1;
    }

    /// Whether the caller keeps up. When not, it wakes the scheduler after reading on.
    pub fn has_room(&self) -> bool {
        let mut state = self.0.lock();
        state.paused = state.pieces.len() >= CAPACITY;
        !state.paused
    }

    /// Whether the caller gave up.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// The request has its place in the batch.
    pub fn admit(&self) {
        self.0.admitted.store(true, Ordering::Relaxed);
    }

    /// Prompt tokens computed, of all.
    pub fn report_prefill(&self, done: usize, total: usize) {
        self.0.prefill_total.store(total as u64, Ordering::Relaxed);
        self.0.prefill_done.store(done as u64, Ordering::Relaxed);
    }

    /// The end.
    pub fn finish(self, outcome: Result<Completion>) {
        self.0.change(|state| state.outcome = Some(outcome));
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.outcome.get_or_insert(Err(Error::Closed));
        });
    }
}

/// The caller's end of one generation. Dropping it cancels the generation.
pub struct TokenStream {
    shared: Arc<Shared>,
    control: Arc<dyn Control>,
    pacing: Pacing,
}

/// A new stream and what feeds it.
pub fn channel(control: Arc<dyn Control>, pacing: Pacing, prompt_tokens: usize) -> (Producer, TokenStream) {
    let shared = Arc::new(Shared::default());
    shared.prefill_total.store(prompt_tokens as u64, Ordering::Relaxed);
    (Producer(Arc::clone(&shared)), TokenStream { shared, control, pacing })
}

impl TokenStream {
    /// Waits up to `timeout` for text or the end.
    pub fn next(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        loop {
            let found = self.take(&mut state);
            let Next::Pending(gathering) = found else {
                return found;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return found;
            }
            let wait = gathering.map_or(left, |gathering| gathering.min(left));
            state = self.shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is there now.
    pub fn try_next(&self) -> Next {
        self.take(&mut self.shared.lock())
    }

    /// Calls `wake` once, from another thread, when there is something to read. False, and no call, when there already
    /// is.
    pub fn on_ready(&self, wake: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.shared.lock();
        let waits = state.pieces.is_empty() && state.outcome.is_none();
        if waits {
            state.waker = Some(Box::new(wake));
        }
        waits
    }

    /// Prompt tokens computed (or found in the cache), of all.
    pub fn prefill_progress(&self) -> (u64, u64) {
        (self.shared.prefill_done.load(Ordering::Relaxed), self.shared.prefill_total.load(Ordering::Relaxed))
    }

    /// Whether the request still waits for a place in the batch.
    pub fn is_queued(&self) -> bool {
        !self.shared.admitted.load(Ordering::Relaxed)
    }

    /// A number that changes while the model computes, for this stream or others; `None` while it waits for requests or
    /// readers. When it stays the same, the computation is stuck.
    pub fn activity(&self) -> Option<u64> {
        self.control.activity()
    }

    /// The outcome, once there is one.
    pub fn outcome(&self) -> Option<Result<Completion>> {
        self.shared.lock().outcome.clone()
    }

    /// Ends the generation, in the middle of a prefill too. The stream then ends with [`Error::Cancelled`], unless it had
    /// already ended.
    pub fn cancel(&self) {
        let mut state = self.shared.lock();
        if state.outcome.is_none() {
            state.pieces.clear();
            state.bytes = 0;
            drop(state);
            self.shared.cancelled.store(true, Ordering::SeqCst);
            self.control.interrupt();
        }
    }

    /// Log probabilities of the tokens behind the text read since the last call, in their order. At the end, also of
    /// tokens that gave no text, or a part of a stop sequence.
    pub fn take_logprobs(&self) -> Vec<TokenLogprob> {
        let mut state = self.shared.lock();
        if state.pieces.is_empty() && state.outcome.is_some() {
            state.logprobs_due = state.logprobs_given;
        }
        let count = state.logprobs_due - state.logprobs_taken;
        state.logprobs_taken += count;
        state.logprobs.drain(..count).collect()
    }

    fn take(&self, state: &mut State) -> Next {
        if state.pieces.is_empty() {
            return state.outcome.clone().map_or(Next::Pending(None), Next::Finished);
        }
        if let Some(wait) = self.gathering_for(state) {
            return Next::Pending(Some(wait));
        }
        state.last_handover = Some(Instant::now());
        let most = match self.pacing {
            Pacing::EachPiece => 1,
            Pacing::Gather(_) => state.pieces.len(),
        };
        let mut text = String::new();
        for piece in state.pieces.drain(..most) {
            text.push_str(&piece.text);
            state.logprobs_due = piece.logprobs;
        }
        state.bytes -= text.len();
        if state.paused && state.pieces.len() <= CAPACITY / 2 {
            state.paused = false;
            self.control.wake();
        }
        Next::Text(text)
    }

    fn gathering_for(&self, state: &State) -> Option<Duration> {
        let Pacing::Gather(least) = self.pacing else {
            return None;
        };
        if state.outcome.is_some() || state.bytes >= GATHER_BYTES || state.paused {
            return None;
        }
        let left = least.checked_sub(state.last_handover?.elapsed())?;
        (!left.is_zero()).then_some(left)
    }
}

impl Drop for TokenStream {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Controls nothing.
    struct Detached;

    impl Control for Detached {
        fn wake(&self) {}
        fn interrupt(&self) {}
        fn activity(&self) -> Option<u64> {
            None
        }
    }

    fn detached_control() -> Arc<dyn Control> {
        Arc::new(Detached)
    }

    const SOON: Duration = Duration::from_secs(5);

    fn text(next: Next) -> String {
        match next {
            Next::Text(text) => text,
            other => panic!("no text but {other:?}"),
        }
    }

    #[test]
    fn pieces_come_in_order_and_the_end_stays() {
        let (producer, stream) = channel(detached_control(), Pacing::EachPiece, 3);
        producer.push("a".into());
        producer.push(String::new());
        producer.push("b".into());
        producer.finish(Err(Error::Closed));
        assert_eq!(text(stream.next(SOON)), "a");
        assert_eq!(text(stream.try_next()), "b");
        assert_eq!(stream.try_next(), Next::Finished(Err(Error::Closed)));
        assert_eq!(stream.next(SOON), Next::Finished(Err(Error::Closed)));
    }

    #[test]
    fn a_slow_reader_pauses_and_resumes() {
        let (producer, stream) = channel(detached_control(), Pacing::EachPiece, 0);
        for _ in 0..CAPACITY {
            assert!(producer.has_room());
            producer.push("x".into());
        }
        assert!(!producer.has_room());
        for _ in 0..CAPACITY / 2 {
            text(stream.try_next());
        }
        assert!(producer.has_room());
    }

    #[test]
    fn gathering_hands_over_the_first_piece_at_once() {
        let (producer, stream) = channel(detached_control(), Pacing::Gather(Duration::from_millis(40)), 0);
        producer.push("a".into());
        assert_eq!(text(stream.try_next()), "a");
        producer.push("b".into());
        assert!(matches!(stream.try_next(), Next::Pending(Some(_))));
        producer.push("c".into());
        let before = Instant::now();
        assert_eq!(text(stream.next(SOON)), "bc");
        assert!(before.elapsed() >= Duration::from_millis(20));
        producer.push("d".repeat(GATHER_BYTES));
        assert_eq!(text(stream.try_next()).len(), GATHER_BYTES);
        producer.push("e".into());
        producer.finish(Err(Error::Cancelled));
        assert_eq!(text(stream.try_next()), "e");
    }

    #[test]
    fn a_waker_is_called_once_or_refused() {
        let (producer, stream) = channel(detached_control(), Pacing::EachPiece, 0);
        let (told, tell) = std::sync::mpsc::channel();
        assert!(stream.on_ready(move || told.send(()).expect("test waits")));
        producer.push("a".into());
        producer.push("b".into());
        tell.recv_timeout(SOON).expect("woken");
        assert!(tell.try_recv().is_err());
        assert!(!stream.on_ready(|| panic!("there is text")));
    }

    #[test]
    fn dropping_either_end_tells_the_other() {
        let (producer, stream) = channel(detached_control(), Pacing::EachPiece, 0);
        drop(producer);
        assert_eq!(stream.next(SOON), Next::Finished(Err(Error::Closed)));
        let (producer, stream) = channel(detached_control(), Pacing::EachPiece, 0);
        drop(stream);
        assert!(producer.is_cancelled());
    }
}
