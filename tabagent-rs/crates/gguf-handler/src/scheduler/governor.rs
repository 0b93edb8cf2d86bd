//! How many threads compute, when other programs want the processor too.
//!
//! ggml's threads wait for each other several hundred times per token, spinning. When another program takes one of their
//! cores, all of them wait for the thread that lost it, and a token can take fifty times as long as one thread would. So
//! the processor time that the process got in a while is held against what its threads could have had; what is missing,
//! others took, and that many threads step back where fewer are faster. Soon, all are tried again; ever later, as long as
//! that fails.

use std::time::Duration;

/// Steps are judged together until they last this long: clocks of processor time can be coarse.
const WINDOW: Duration = Duration::from_millis(60);
/// Cores' worth of time that may be missing without consequence, however many there are.
const TOLERATED: f64 = 0.25;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Chooses the number of threads from step to step.
#[derive(Debug)]
pub(super) struct Governor {
    most: u32,
    now: u32,
    wall: Duration,
    cpu: Duration,
    since_reduced: Duration,
    retry: Duration,
}

impl Governor {
    /// Begins with `most` threads.
    pub(super) fn new(most: u32) -> Self {
        let zero = Duration::ZERO;
        Self { most, now: most, wall: zero, cpu: zero, since_reduced: zero, retry: FIRST_RETRY }
    }

    /// Takes in a step that lasted `wall` and in which the process used `cpu`. Returns a new number of threads when it
    /// should change.
    pub(super) fn observe(&mut self, wall: Duration, cpu: Duration) -> Option<u32> {
        self.wall += wall;
        self.cpu += cpu;
        self.since_reduced += wall;
        if self.wall < WINDOW {
            return None;
        }
        let got = self.cpu.as_secs_f64() / self.wall.as_secs_f64();
        (self.wall, self.cpu) = (Duration::ZERO, Duration::ZERO);
        let threads = f64::from(self.now);
        // All wait while one is away: `threads * (1 - missing)` against `threads - 1` that nothing disturbs.
        if self.now > 1 && threads - got > TOLERATED.max(1.0 / threads) {
            self.retry = if self.now == self.most { (self.retry * 2).min(LAST_RETRY) } else { self.retry };
            self.since_reduced = Duration::ZERO;
            return self.change_to(((got + TOLERATED) as u32).clamp(1, self.now - 1));
        }
        if self.now == self.most {
            self.retry = FIRST_RETRY;
            return None;
        }
        (self.since_reduced >= self.retry).then(|| self.change_to(self.most))?
    }

    fn change_to(&mut self, threads: u32) -> Option<u32> {
        self.now = threads;
        Some(threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    fn step(governor: &mut Governor, cores: f64) -> Option<u32> {
        governor.observe(STEP, STEP.mul_f64(cores))
    }

    #[test]
    fn undisturbed_nothing_changes() {
        let mut governor = Governor::new(8);
        assert!((0..100).all(|_| step(&mut governor, 7.9).is_none()));
    }

    #[test]
    fn what_others_take_is_given_up() {
        assert_eq!(step(&mut Governor::new(2), 1.3), Some(1));
        assert_eq!(step(&mut Governor::new(8), 7.5), Some(7));
        assert_eq!(step(&mut Governor::new(8), 2.0), Some(2));
        assert_eq!(step(&mut Governor::new(2), 0.1), Some(1));
    }

    #[test]
    fn a_little_less_is_better_than_a_whole_thread_less() {
        assert_eq!(step(&mut Governor::new(2), 1.55), None);
        assert_eq!(step(&mut Governor::new(8), 7.8), None);
    }

    #[test]
    fn one_thread_cannot_step_back() {
        assert_eq!(step(&mut Governor::new(1), 0.2), None);
    }

    #[test]
    fn short_steps_are_judged_together() {
        let mut governor = Governor::new(2);
        let short = Duration::from_millis(10);
        let answers: Vec<_> = (0..6).map(|_| governor.observe(short, short)).collect();
        assert_eq!(answers, [None, None, None, None, None, Some(1)]);
    }

    #[test]
    fn all_are_tried_again_less_and_less_often() {
        let mut governor = Governor::new(2);
        let mut waits = Vec::new();
        for _ in 0..10 {
            assert_eq!(step(&mut governor, 1.2), Some(1));
            waits.push((1..).find(|_| step(&mut governor, 1.0) == Some(2)).expect("a retry"));
        }
        assert!(waits.is_sorted(), "{waits:?}");
        assert_eq!(waits.last(), Some(&300));
        assert_eq!(step(&mut governor, 2.0), None);
        assert_eq!(step(&mut governor, 1.2), Some(1));
        assert_eq!((1..).find(|_| step(&mut governor, 1.0) == Some(2)), waits.first().copied());
    }
}
