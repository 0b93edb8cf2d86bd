//! Hyperparameters that no model has, which llama.cpp asserts on: an assertion ends its process.

use super::values::Values;
use crate::error::{Parsed, corrupt};

/// `LLAMA_MAX_LAYERS` of llama.cpp.
const MOST_BLOCKS: u64 = 512;
/// `LLAMA_MAX_EXPERTS` of llama.cpp.
const MOST_EXPERTS: u64 = 512;
/// `LLAMA_POOLING_TYPE_RANK`, the highest kind of pooling.
const HIGHEST_POOLING: u64 = 4;

/// Checks what a file states; what it does not state is the engine's question.
pub(super) fn check(values: &Values, architecture: &str) -> Parsed<()> {
    let number = |key: &str| values.number(&format!("{architecture}.{key}"));
    match number("block_count") {
        Some(0) => return corrupt("it announces no layers"),
        Some(blocks) if blocks > MOST_BLOCKS => return corrupt(format!("it announces {blocks} layers")),
        _ => {}
    }
    let (experts, used) = (number("expert_count").unwrap_or(0), number("expert_used_count").unwrap_or(0));
    if experts > MOST_EXPERTS || used > experts || (experts > 0 && used == 0) {
        return corrupt(format!("it announces {experts} experts, of which {used} are used at a time"));
    }
    if let Some(pooling) = number("pooling_type").filter(|&pooling| pooling > HIGHEST_POOLING) {
        return corrupt(format!("it announces pooling of the unknown kind {pooling}"));
    }
    let is_own = |key: &str| key.strip_prefix(architecture).is_some_and(|rest| rest.starts_with('.'));
    for (key, real) in values.reals().filter(|(key, _)| is_own(key)) {
        if real.is_nan() || (real < 0.0 && key.ends_with("epsilon")) {
            return corrupt(format!("{key} is {real}"));
        }
    }
    Ok(())
}
