//! One thread computes for every caller, a step of each in turn.
//!
//! A step is one token of an answer, or a chunk of a prompt. Steps are not joined across conversations: each computes
//! what it would compute alone, so its answer does not depend on who else asks. What finished conversations have cached
//! is kept for prompts that begin the same way.

use crate::cache::Cache;
use crate::decoder::Decoder;
use crate::tokenizer::TextTokens;
use generation::{Completion, Control, Error, Result, Sequence, Token, Waiting};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Prompt tokens in a step: enough rows for fast matrix products, few enough for others to get their turn.
const CHUNK: usize = 128;
/// Bytes of caches that nobody uses now.
const MOST_IDLE: usize = 512 << 20;

enum Command {
    Submit(Box<Waiting>),
    Wake,
    Close,
}

/// What the scheduler shows of itself.
#[derive(Default)]
struct Pulse {
    beats: AtomicU64,
    computing: AtomicBool,
    closing: AtomicBool,
}

/// Sends to the scheduler; cheap to clone. Sending to one that has ended does nothing.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: Sender<Command>,
    pulse: Arc<Pulse>,
}

impl Handle {
    /// Queues a request.
    pub(crate) fn submit(&self, waiting: Waiting) -> Result<()> {
        self.commands.send(Command::Submit(Box::new(waiting))).map_err(|_| Error::Closed)
    }

    /// Ends the scheduler, in the middle of a step too.
    pub(crate) fn close(&self) {
        self.pulse.closing.store(true, Ordering::SeqCst);
        // It may have ended already.
        let _ = self.commands.send(Command::Close);
    }
}

impl Control for Handle {
    fn wake(&self) {
        // An ended scheduler has nothing to look at.
        let _ = self.commands.send(Command::Wake);
    }

    /// The running step looks at its stream before each layer.
    fn interrupt(&self) {
        self.wake();
    }

    fn activity(&self) -> Option<u64> {
        self.pulse.computing.load(Ordering::Relaxed).then(|| self.pulse.beats.load(Ordering::Relaxed))
    }
}

/// Starts the scheduler's thread. `sequences` at once, each of at most `context_length` tokens.
pub(crate) fn start(
    decoder: Decoder,
    tokens: Arc<TextTokens>,
    pool: rayon::ThreadPool,
    sequences: usize,
    context_length: usize,
) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (commands, inbox) = mpsc::channel();
    let pulse = Arc::new(Pulse::default());
    let worker = Worker {
        decoder,
        tokens,
        pool,
        sequences,
        context_length,
        inbox,
        pulse: Arc::clone(&pulse),
        queue: VecDeque::new(),
        running: Vec::new(),
        idle: VecDeque::new(),
    };
    let thread = Builder::new().name("tabagent-candle".into()).spawn(move || worker.run())?;
    Ok((Handle { commands, pulse }, thread))
}

struct Running {
    sequence: Sequence,
    cache: Cache,
}

impl Running {
    /// Whether there is something to compute for a caller who reads.
    fn is_ready(&self) -> bool {
        self.sequence.producer.has_room()
    }
}

/// A finished conversation: its tokens, and keys and values of the first of them.
struct Idle {
    tokens: Vec<Token>,
    cache: Cache,
}

struct Worker {
    decoder: Decoder,
    tokens: Arc<TextTokens>,
    pool: rayon::ThreadPool,
    sequences: usize,
    context_length: usize,
    inbox: Receiver<Command>,
    pulse: Arc<Pulse>,
    queue: VecDeque<Box<Waiting>>,
    running: Vec<Running>,
    /// Oldest first
    idle: VecDeque<Idle>,
}

impl Worker {
    /// Runs until told to close. Whatever is unfinished then ends with `Error::Closed`, as its producer is dropped.
    fn run(mut self) {
        while self.listen() {
            self.drop_cancelled();
            self.admit();
            for index in (0..self.running.len()).rev() {
                self.step(index);
            }
        }
    }

    /// Takes in messages, waiting for one when there is nothing to compute. False when it is time to end.
    fn listen(&mut self) -> bool {
        let has_place = self.running.len() < self.sequences && !self.queue.is_empty();
        let mut message = if has_place || self.running.iter().any(Running::is_ready) {
            self.inbox.try_recv()
        } else {
            self.pulse.computing.store(false, Ordering::Relaxed);
            self.inbox.recv().map_err(|_| TryRecvError::Disconnected)
        };
        self.pulse.computing.store(true, Ordering::Relaxed);
        loop {
            match message {
                Ok(Command::Submit(waiting)) => self.queue.push_back(waiting),
                Ok(Command::Wake) => {}
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
            message = self.inbox.try_recv();
        }
    }

    fn drop_cancelled(&mut self) {
        for index in (0..self.running.len()).rev() {
            if self.running[index].sequence.producer.is_cancelled() {
                self.finish(index, Err(Error::Cancelled));
            }
        }
        let (cancelled, waiting): (VecDeque<_>, _) =
            self.queue.drain(..).partition(|waiting| waiting.producer.is_cancelled());
        self.queue = waiting;
        for waiting in cancelled {
            waiting.producer.finish(Err(Error::Cancelled));
        }
    }

    fn admit(&mut self) {
        while self.running.len() < self.sequences {
            let Some(waiting) = self.queue.pop_front() else { return };
            let cache = self.cache_for(&waiting);
            let sequence = Sequence::new(*waiting, self.context_length, cache.len());
            self.running.push(Running { sequence, cache });
        }
    }

    /// What an idle conversation has cached of the prompt, else nothing. A draw that is to repeat begins with nothing.
    fn cache_for(&mut self, waiting: &Waiting) -> Cache {
        let prompt = &waiting.request.prompt;
        // The last token is computed in any case: its logits are wanted.
        let shared = |idle: &Idle| {
            let same = idle.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
            same.min(idle.cache.len()).min(prompt.len() - 1)
        };
        let best = (0..self.idle.len()).max_by_key(|&index| shared(&self.idle[index]));
        let length = best.map_or(0, |index| shared(&self.idle[index]));
        match best.filter(|_| length > 0 && !waiting.request.sampling.is_seeded_draw()) {
            Some(index) => {
                let mut cache = self.idle.remove(index).map_or_else(|| self.new_cache(), |idle| idle.cache);
                cache.truncate(length);
                cache
            }
            None => self.new_cache(),
        }
    }

    fn new_cache(&self) -> Cache {
        self.decoder.cache(self.context_length)
    }

    fn step(&mut self, index: usize) {
        if !self.running[index].is_ready() {
            return;
        }
        let (pulse, decoder, tokens) = (&self.pulse, &self.decoder, &self.tokens);
        let Running { sequence, cache } = &mut self.running[index];
        let begin = cache.len();
        let end = sequence.tokens.len().min(begin + CHUNK);
        let chunk: Vec<u32> = sequence.tokens[begin..end].iter().map(|&token| token as u32).collect();
        let wanted = end == sequence.tokens.len();
        let producer = &sequence.producer;
        let go_on = || {
            pulse.beats.fetch_add(1, Ordering::Relaxed);
            !producer.is_cancelled() && !pulse.closing.load(Ordering::Relaxed)
        };
        let began = Instant::now();
        let computed = self.pool.install(|| decoder.forward(&chunk, cache, wanted, &go_on));
        let outcome = match computed {
            Err(error) => Some(Err(Error::GenerationFailed { reason: error.to_string() })),
            Ok(logits) => {
                sequence.count_step(began.elapsed(), cache.len());
                logits.and_then(|logits| sequence.advance(&logits, &**tokens))
            }
        };
        if let Some(outcome) = outcome {
            self.finish(index, outcome);
        }
    }

    fn finish(&mut self, index: usize, outcome: Result<Completion>) {
        let Running { mut sequence, cache } = self.running.swap_remove(index);
        let tokens = std::mem::take(&mut sequence.tokens);
        sequence.producer.finish(outcome);
        self.idle.push_back(Idle { tokens, cache });
        let bytes = |idle: &Idle| idle.cache.bytes();
        while self.idle.len() > self.sequences || self.idle.iter().map(bytes).sum::<usize>() > MOST_IDLE {
            self.idle.pop_front();
        }
    }
}
