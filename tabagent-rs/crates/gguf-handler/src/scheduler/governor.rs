//! How many threads compute, when other programs want the processor too.
//!
//! ggml's threads wait for each other several hundred times per token, spinning. When another program takes one of their
//! cores, all of them wait for the thread that lost it, and a token can take fifty times as long as one thread would. So
//! the processor time that the process got in a while is held against what its threads could have had; what is missing,
//! others took, and that many threads step back. They come back when as many cores are idle.

use std::time::Duration;

/// Steps are judged together until they last this long: clocks of processor time can be coarse.
const WINDOW: Duration = Duration::from_millis(60);
/// Cores' worth of time that may be missing without consequence.
const TOLERATED: f64 = 0.25;
/// Time of computing after which it is looked whether cores are idle.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// That time doubles, up to this, whenever threads that came back had to go again.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Chooses the number of threads from step to step.
#[derive(Debug)]
pub(super) struct Governor {
    most: u32,
    now: u32,
    wall: Duration,
    cpu: Duration,
    since_change: Duration,
    retry: Duration,
}

impl Governor {
    /// Begins with `most` threads, or as many as there are `free_cores`.
    pub(super) fn new(most: u32, free_cores: f64) -> Self {
        let now = ((free_cores + TOLERATED) as u32).clamp(1, most);
        let zero = Duration::ZERO;
        Self { most, now, wall: zero, cpu: zero, since_change: zero, retry: FIRST_RETRY }
    }

    /// Threads for the next step.
    pub(super) fn threads(&self) -> u32 {
        self.now
    }

    /// Takes in a step that lasted `wall` and in which the process used `cpu`. Returns a new number of threads when it
    /// should change. `idle_cores` tells how many cores were idle on average since it was last called.
    pub(super) fn observe(&mut self, wall: Duration, cpu: Duration, idle_cores: impl FnOnce() -> f64) -> Option<u32> {
        self.wall += wall;
        self.cpu += cpu;
        self.since_change += wall;
        if self.wall < WINDOW {
            return None;
        }
        let got = self.cpu.as_secs_f64() / self.wall.as_secs_f64();
        (self.wall, self.cpu) = (Duration::ZERO, Duration::ZERO);
        let threads = if self.now > 1 && f64::from(self.now) - got > TOLERATED {
            idle_cores();
            self.lengthen_or_reset_retry();
            ((got + TOLERATED) as u32).clamp(1, self.now - 1)
        } else if self.now < self.most && self.since_change >= self.retry {
            self.since_change = Duration::ZERO;
            self.most.min(self.now + (idle_cores() + TOLERATED) as u32)
        } else {
            self.now
        };
        (threads != self.now).then(|| {
            (self.now, self.since_change) = (threads, Duration::ZERO);
            threads
        })
    }

    /// Threads that came back in vain come back later the next time.
    fn lengthen_or_reset_retry(&mut self) {
        let in_vain = self.since_change < self.retry;
        self.retry = if in_vain { (self.retry * 2).min(LAST_RETRY) } else { FIRST_RETRY };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    fn step(governor: &mut Governor, got: f64, idle: f64) -> Option<u32> {
        governor.observe(STEP, STEP.mul_f64(got), || idle)
    }

    /// Steps until the number of threads changes.
    fn until_change(governor: &mut Governor, got: f64, idle: f64) -> Option<(usize, u32)> {
        (1..=400).find_map(|count| Some((count, step(governor, got, idle)?)))
    }

    #[test]
    fn undisturbed_nothing_changes() {
        assert_eq!(until_change(&mut Governor::new(8, 8.0), 7.9, 0.0), None);
    }

    #[test]
    fn what_others_take_is_given_up() {
        assert_eq!(step(&mut Governor::new(2, 2.0), 1.3, 0.0), Some(1));
        assert_eq!(step(&mut Governor::new(8, 8.0), 7.5, 0.0), Some(7));
        assert_eq!(step(&mut Governor::new(8, 8.0), 2.0, 0.0), Some(2));
        assert_eq!(step(&mut Governor::new(2, 2.0), 0.1, 0.0), Some(1));
    }

    #[test]
    fn one_thread_cannot_step_back() {
        assert_eq!(until_change(&mut Governor::new(1, 1.0), 0.2, 0.0), None);
    }

    #[test]
    fn it_begins_with_what_is_free() {
        assert_eq!(Governor::new(8, 3.8).threads(), 4);
        assert_eq!(Governor::new(2, 0.0).threads(), 1);
        assert_eq!(Governor::new(2, 64.0).threads(), 2);
    }

    #[test]
    fn short_steps_are_judged_together() {
        let mut governor = Governor::new(2, 2.0);
        let short = Duration::from_millis(10);
        let answers: Vec<_> = (0..6).map(|_| governor.observe(short, short, || 0.0)).collect();
        assert_eq!(answers, [None, None, None, None, None, Some(1)]);
    }

    #[test]
    fn threads_come_back_as_cores_fall_idle() {
        let mut governor = Governor::new(8, 8.0);
        assert_eq!(step(&mut governor, 4.0, 0.0), Some(4));
        assert_eq!(until_change(&mut governor, 4.0, 0.5), None);
        assert_eq!(
            step(&mut governor, 4.0, 2.0).or_else(|| until_change(&mut governor, 4.0, 2.0).map(|c| c.1)),
            Some(6)
        );
        assert_eq!(until_change(&mut governor, 6.0, 16.0).map(|change| change.1), Some(8));
    }

    #[test]
    fn coming_back_in_vain_is_tried_less_and_less_often() {
        let mut governor = Governor::new(2, 2.0);
        assert_eq!(until_change(&mut governor, 2.0, 0.0), None);
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(step(&mut governor, 1.2, 0.0), Some(1));
            waits.push(until_change(&mut governor, 1.0, 1.0).expect("they come back").0);
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    }
}
