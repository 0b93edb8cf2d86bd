//! How much a loaded model serves at once.

use crate::error::{Error, Result};

/// A context holds as many sequence ids.
pub const MOST_SEQUENCES: u32 = 64;
/// ggml's limit.
const MOST_THREADS: u32 = 512;

/// What every engine lets its caller choose when it loads.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Tokens in the KV cache; `None` takes the trained length, up to what the engine thinks enough
    pub context_length: Option<u32>,
    /// Sequences at once
    pub sequences: u32,
    /// Threads that compute, at most; `None` takes one per physical core
    pub threads: Option<u32>,
}

impl Capacity {
    /// Tokens in the KV cache, where `usual` is for who names none and `longest` what the model was trained for, 0 where
    /// nothing tells.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], as for the others.
    pub fn context_length(&self, usual: u32, longest: u32) -> Result<u32> {
        let most = if longest == 0 { i32::MAX as u32 } else { longest.min(i32::MAX as u32) };
        match self.context_length {
            None => Ok(usual),
            Some(length) if (1..=most).contains(&length) => Ok(length),
            Some(length) => {
                let reason = format!("must be between 1 and {most}, which the model was made for, got {length}");
                Err(Error::invalid("context_length", reason))
            }
        }
    }

    /// Sequences at once.
    pub fn sequences(&self) -> Result<u32> {
        within("n_parallel", self.sequences, MOST_SEQUENCES)
    }

    /// Threads that compute, on a machine with so many `cores`.
    pub fn threads(&self, cores: usize) -> Result<u32> {
        let all = u32::try_from(cores).unwrap_or(MOST_THREADS).clamp(1, MOST_THREADS);
        within("threads", self.threads.unwrap_or(all), MOST_THREADS)
    }
}

fn within(name: &'static str, value: u32, most: u32) -> Result<u32> {
    match value {
        1.. if value <= most => Ok(value),
        _ => Err(Error::invalid(name, format!("must be between 1 and {most}, got {value}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(context_length: Option<u32>, sequences: u32, threads: Option<u32>) -> Capacity {
        Capacity { context_length, sequences, threads }
    }

    #[test]
    fn what_is_not_named_is_the_usual() {
        let open = capacity(None, 4, None);
        assert_eq!(open.context_length(8192, 32_768), Ok(8192));
        assert_eq!((open.threads(6), open.threads(4096)), (Ok(6), Ok(512)));
    }

    #[test]
    fn ranges() {
        let asked = |length| capacity(Some(length), 1, None).context_length(1, 100).is_ok();
        assert_eq!([0, 1, 100, 101].map(asked), [false, true, true, false]);
        assert_eq!(capacity(Some(5000), 1, None).context_length(1, 0), Ok(5000));
        assert!(capacity(Some(u32::MAX), 1, None).context_length(1, 0).is_err());
        assert_eq!(
            [0, 1, 64, 65].map(|count| capacity(None, count, None).sequences().is_ok()),
            [false, true, true, false]
        );
        assert_eq!([0, 512, 513].map(|count| capacity(None, 1, Some(count)).threads(1).is_ok()), [false, true, false]);
    }
}
