//! The scheduler's thread.

use super::governor::Governor;
use super::handle::Command;
use super::placement::{Placement, Reuse, SlotView, place};
use super::room::{IdleCache, make_room};
use super::share::{Pending, share_batch};
use crate::llama::{Batch, Context, Decoded, Token, Watch, WeightsModel};
use cpu_time::ProcessTime;
use generation::{Completion, Error, Result, Sequence, Waiting};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// A sequence id of the context and what it holds.
#[derive(Default)]
struct Slot {
    /// Tokens whose keys and values the context holds for this sequence id: a prefix of the running sequence's tokens
    cache: Vec<Token>,
    /// Those keys and values while they are out of the context
    parked: Option<Vec<u8>>,
    running: Option<Sequence>,
    /// When what runs took its place, and when something last finished here, on a clock that only counts
    admitted: u64,
    last_used: u64,
}

impl Slot {
    /// What is left to compute; nothing when idle or when the caller does not read.
    fn pending(&self) -> Pending {
        let tokens = match &self.running {
            Some(sequence) if sequence.producer.has_room() => sequence.tokens.len() - self.cache.len(),
            _ => 0,
        };
        Pending { tokens, admitted: self.admitted }
    }
}

/// Bytes of all parked keys and values. Attention passes over every cell below the highest in use, so what is idle is
/// better kept elsewhere; copying it back and forth takes milliseconds.
const MOST_PARKED: usize = 256 << 20;

/// One sequence's part of a step.
struct Part {
    slot: usize,
    tokens: usize,
    /// Index of its logits in the batch, when its last pending token is in it
    output: Option<usize>,
}

/// The state of the scheduler, owned by its thread.
pub(super) struct Worker {
    context: Context,
    model: Arc<WeightsModel>,
    slots: Vec<Slot>,
    queue: VecDeque<Box<Waiting>>,
    inbox: Receiver<Command>,
    watch: Arc<Watch>,
    batch: Batch,
    clock: u64,
    governor: Option<Governor>,
    has_recurrent_state: bool,
}

impl Worker {
    pub(super) fn new(context: Context, inbox: Receiver<Command>, watch: Arc<Watch>) -> Self {
        let slots = (0..context.params().sequences).map(|_| Slot::default()).collect();
        let model = Arc::clone(context.model());
        let has_recurrent_state = model.has_recurrent_state();
        let (queue, batch) = (VecDeque::new(), Batch::default());
        let params = context.params();
        let governor = (!params.on_gpu).then(|| Governor::new(params.threads));
        Self { context, model, slots, queue, inbox, watch, batch, clock: 0, governor, has_recurrent_state }
    }

    /// Runs until told to close. Whatever is unfinished then ends with `Error::Closed`, as its producer is dropped.
    pub(super) fn run(mut self) {
        while self.listen() {
            self.drop_cancelled();
            self.admit();
            self.step();
        }
    }

    /// Takes in messages, waiting for one when there is nothing to compute. False when it is time to end.
    fn listen(&mut self) -> bool {
        let mut message = if self.has_work() {
            self.inbox.try_recv()
        } else {
            self.watch.set_idle(true);
            self.inbox.recv().map_err(|_| TryRecvError::Disconnected)
        };
        self.watch.set_idle(false);
        // Cleared before the rest of the messages and the streams are looked at: whoever interrupts later than this
        // stops the next decode instead.
        self.watch.clear_interrupt();
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

    fn has_work(&self) -> bool {
        self.slots.iter().any(|slot| slot.pending().tokens > 0) || self.next_placement().is_some()
    }

    fn drop_cancelled(&mut self) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].running.as_ref().is_some_and(|sequence| sequence.producer.is_cancelled()) {
                self.finish(slot, Err(Error::Cancelled));
            }
        }
        let (cancelled, waiting): (VecDeque<_>, _) =
            self.queue.drain(..).partition(|waiting| waiting.producer.is_cancelled());
        self.queue = waiting;
        for waiting in cancelled {
            waiting.producer.finish(Err(Error::Cancelled));
        }
    }

    /// Starts requests, oldest first, as long as there is a slot and room.
    fn admit(&mut self) {
        while let Some((placement, forget)) = self.next_placement() {
            let Some(waiting) = self.queue.pop_front() else { return };
            let source = placement.share_from;
            for slot in (0..self.slots.len()).filter(|&slot| slot != placement.slot && Some(slot) != source) {
                self.put_aside(slot, forget.contains(&slot));
            }
            let cached = self.prepare(placement);
            if let Some(slot) = source {
                self.put_aside(slot, forget.contains(&slot));
            }
            let sequence = Sequence::new(*waiting, self.capacity(), cached);
            self.slots[placement.slot].running = Some(sequence);
            self.slots[placement.slot].admitted = self.tick();
        }
    }

    /// Where the oldest request would go and which idle caches must be forgotten for it; `None` when it has to wait.
    fn next_placement(&self) -> Option<(Placement, Vec<usize>)> {
        let waiting = self.queue.front()?;
        let views: Vec<SlotView<'_>> = self
            .slots
            .iter()
            .map(|slot| SlotView { cache: &slot.cache, idle: slot.running.is_none(), last_used: slot.last_used })
            .collect();
        let reuse = if waiting.request.sampling.is_seeded_draw() {
            Reuse::Nothing
        } else if self.has_recurrent_state {
            Reuse::Whole
        } else {
            Reuse::Prefix
        };
        let placement = place(&views, &waiting.request.prompt, reuse)?;
        let reserved = self.slots.iter().filter_map(|slot| slot.running.as_ref()).map(|s| s.reserved).sum();
        let idle: Vec<IdleCache> = views
            .iter()
            .enumerate()
            .filter(|&(slot, view)| view.idle && slot != placement.slot)
            .filter(|&(slot, _)| self.slots[slot].parked.is_none())
            .map(|(slot, view)| IdleCache { slot, tokens: view.cache.len(), last_used: view.last_used })
            .collect();
        // The order of a sum follows the layout of the cache: a draw that is to repeat begins with an empty one.
        let needed =
            if reuse == Reuse::Nothing && reserved == 0 { self.capacity() } else { waiting.reserve(self.capacity()) };
        let forget = make_room(self.capacity(), reserved, needed, &idle)?;
        Some((placement, forget))
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn capacity(&self) -> usize {
        self.context.params().context_length as usize
    }

    /// Brings a slot to hold exactly the prompt tokens to keep; returns how many it kept.
    fn prepare(&mut self, Placement { slot, keep, share_from }: Placement) -> usize {
        if let Some(source) = share_from {
            self.forget(slot);
            if let Some(state) = self.slots[source].parked.clone() {
                self.slots[slot].cache = self.slots[source].cache.clone();
                self.bring_back(slot, &state);
            } else {
                self.context.share_prefix(source, slot, keep);
                self.slots[slot].cache = self.slots[source].cache[..keep].to_vec();
            }
        } else if let Some(state) = self.slots[slot].parked.take() {
            if keep > 0 {
                self.bring_back(slot, &state);
            } else {
                self.forget(slot);
            }
        }
        if keep < self.slots[slot].cache.len() {
            self.cut(slot, keep);
        }
        if !self.slots[slot].cache.is_empty() && !self.context.can_continue_at(slot, keep) {
            self.forget(slot);
        }
        self.slots[slot].cache.len()
    }

    /// Cuts a slot back to its first `keep` tokens, or to none where its memory cannot be cut.
    fn cut(&mut self, slot: usize, keep: usize) {
        if keep > 0 && self.context.truncate(slot, keep) {
            self.slots[slot].cache.truncate(keep);
        } else {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: usize) {
        self.context.clear(slot);
        self.slots[slot].cache.clear();
        self.slots[slot].parked = None;
    }

    /// Takes an idle slot's keys and values out of the context; forgets them where that cannot be and they must leave.
    fn put_aside(&mut self, slot: usize, must_leave: bool) {
        let Slot { cache, parked: None, running: None, .. } = &self.slots[slot] else { return };
        if !cache.is_empty() && !self.park(slot) && must_leave {
            self.forget(slot);
        }
    }

    /// Parks a slot, at the cost of those parked the longest. False when it is too large or cannot be copied.
    fn park(&mut self, slot: usize) -> bool {
        let size = self.context.saved_size(slot);
        if self.has_recurrent_state || size > MOST_PARKED {
            return false;
        }
        let Some(state) = self.context.save(slot) else { return false };
        let held = |slot: &Slot| slot.parked.as_ref().map_or(0, Vec::len);
        while self.slots.iter().map(held).sum::<usize>() + size > MOST_PARKED {
            let parked = (0..self.slots.len()).filter(|&slot| self.slots[slot].parked.is_some());
            let Some(oldest) = parked.min_by_key(|&slot| self.slots[slot].last_used) else { break };
            self.forget(oldest);
        }
        self.context.clear(slot);
        self.slots[slot].parked = Some(state);
        true
    }

    fn bring_back(&mut self, slot: usize, state: &[u8]) {
        if !self.context.restore(slot, state) {
            self.forget(slot);
        }
    }

    /// Computes one batch and draws the tokens it yields.
    fn step(&mut self) {
        let parts = self.fill_batch();
        if parts.is_empty() {
            return;
        }
        let (began, used) = (Instant::now(), ProcessTime::now());
        let decoded = self.context.decode(&mut self.batch);
        if let Some(threads) =
            self.governor.as_mut().and_then(|governor| governor.observe(began.elapsed(), used.elapsed()))
        {
            self.context.set_threads(threads);
        }
        match decoded {
            Decoded::Done => self.advance(&parts, began),
            Decoded::Interrupted => self.roll_back(&parts),
            Decoded::NoRoom => self.make_room_or_fail(&parts),
            Decoded::Failed(code) => self.fail(&parts, &format!("llama.cpp answered {code}")),
        }
    }

    fn fill_batch(&mut self) -> Vec<Part> {
        self.batch.clear();
        let pending: Vec<Pending> = self.slots.iter().map(Slot::pending).collect();
        let shares = share_batch(self.context.params().batch as usize, &pending);
        let mut parts = Vec::new();
        for (slot, tokens) in shares.into_iter().enumerate().filter(|&(_, tokens)| tokens > 0) {
            let Slot { cache, running: Some(sequence), .. } = &self.slots[slot] else { continue };
            let mut output = None;
            for position in cache.len()..cache.len() + tokens {
                let last = position + 1 == sequence.tokens.len();
                let index = self.batch.push(sequence.tokens[position], position, slot, last);
                output = last.then_some(index);
            }
            parts.push(Part { slot, tokens, output });
        }
        parts
    }

    fn advance(&mut self, parts: &[Part], began: Instant) {
        let mut ended = Vec::new();
        let mut took: Option<Duration> = None;
        for part in parts {
            let Slot { cache, running: Some(sequence), .. } = &mut self.slots[part.slot] else { continue };
            cache.extend_from_slice(&sequence.tokens[cache.len()..cache.len() + part.tokens]);
            let outcome = match part.output.map(|index| self.context.logits(index)) {
                None => None,
                Some(None) => Some(Err(Error::GenerationFailed { reason: "there are no logits".into() })),
                // Reading logits waits for the computation, so the clock is read only now.
                Some(Some(logits)) => {
                    sequence.count_step(*took.get_or_insert_with(|| began.elapsed()), cache.len());
                    sequence.advance(logits, self.model.vocab())
                }
            };
            if part.output.is_none() {
                sequence.count_step(*took.get_or_insert_with(|| began.elapsed()), cache.len());
            }
            ended.extend(outcome.map(|outcome| (part.slot, outcome)));
        }
        for (slot, outcome) in ended {
            self.finish(slot, outcome);
        }
    }

    /// After an interrupted decode: back to what was computed before it.
    fn roll_back(&mut self, parts: &[Part]) {
        for part in parts {
            let keep = if self.has_recurrent_state { 0 } else { self.slots[part.slot].cache.len() };
            self.cut(part.slot, keep);
        }
    }

    /// Reservations should make this impossible; idle caches are given up before anybody fails.
    fn make_room_or_fail(&mut self, parts: &[Part]) {
        let idle: Vec<usize> = (0..self.slots.len())
            .filter(|&slot| {
                let Slot { cache, parked, running, .. } = &self.slots[slot];
                running.is_none() && parked.is_none() && !cache.is_empty()
            })
            .collect();
        if idle.is_empty() {
            self.fail(parts, "the KV cache has no room");
        }
        for slot in idle {
            self.forget(slot);
        }
    }

    fn fail(&mut self, parts: &[Part], reason: &str) {
        for part in parts {
            self.forget(part.slot);
            self.finish(part.slot, Err(Error::GenerationFailed { reason: reason.to_owned() }));
        }
    }

    /// Ends what runs in a slot. Its cache stays for a prompt that begins the same way.
    fn finish(&mut self, slot: usize, outcome: Result<Completion>) {
        self.slots[slot].last_used = self.tick();
        if let Some(sequence) = self.slots[slot].running.take() {
            sequence.producer.finish(outcome);
        }
    }
}
