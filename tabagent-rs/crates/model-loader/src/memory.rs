//! How much memory a model will need, from its header alone.

use crate::config::CacheShape;
use crate::gguf::GgufHeader;
use crate::task;

/// Bytes of one key or value element in the KV cache (half floats).
const KV_ELEMENT: u64 = 2;
/// llama.cpp rounds the cache up to this many tokens.
const KV_STEP: u64 = 256;
/// Tokens in one decode; intermediate results are that many rows.
pub const BATCH: u32 = 512;
const FLOAT: u64 = 4;
/// Rows of embedding width that are alive at once while a layer is computed, attention and feed-forward included.
const LIVE_ROWS: u64 = 12;
/// Libraries, vocabulary, graphs and buffers that do not grow with the model.
const FIXED: u64 = 64 << 20;

/// What a model needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The file, mapped or repacked
    pub weights: u64,
    /// Keys and values of `context_length` tokens
    pub kv_cache: u64,
    /// Intermediate results, logits and everything else
    pub workspace: u64,
}

impl MemoryPlan {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.kv_cache).saturating_add(self.workspace)
    }

    /// The largest context length, a multiple of 256, with which a model planned for `planned` tokens takes no more than
    /// `available` bytes; `None` where even a short one is too long.
    pub fn fitting_context(&self, planned: u64, available: u64) -> Option<u64> {
        let rest = available.checked_sub(self.weights.saturating_add(self.workspace))?;
        let tokens = u128::from(rest) * u128::from(planned) / u128::from(self.kv_cache.max(1));
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX) / KV_STEP * KV_STEP;
        (tokens >= 2 * KV_STEP).then_some(tokens)
    }
}

/// Memory for a model with a KV cache of `context_length` tokens shared by `sequences`. Errs on the large side.
pub fn estimate(header: &GgufHeader, context_length: u32, sequences: u32) -> MemoryPlan {
    let product = |factors: &[u64]| factors.iter().fold(1u64, |product, &factor| product.saturating_mul(factor));
    let tokens = u64::from(context_length).next_multiple_of(KV_STEP);
    // What is made into one vector is computed in one piece.
    let batch = if task::is_pooled(header) { tokens } else { u64::from(BATCH) };
    let per_head = header.key_length.saturating_add(header.value_length);
    let rows = product(&[batch, LIVE_ROWS, header.embedding_length, FLOAT]);
    let mask = product(&[batch, tokens, FLOAT + KV_ELEMENT]);
    let logits = product(&[2, u64::from(sequences), header.vocab_size, FLOAT]);
    MemoryPlan {
        weights: header.file_size,
        kv_cache: product(&[tokens, header.head_count_kv_total, per_head, KV_ELEMENT]),
        workspace: FIXED.saturating_add(rows).saturating_add(mask).saturating_add(logits),
    }
}

/// Memory for weights of `bytes` whose KV cache has `shape`; half floats in both.
pub(crate) fn of_weights(bytes: u64, shape: Option<CacheShape>, context_length: u64) -> MemoryPlan {
    let kv_cache = shape.map_or(0, |CacheShape { layers, heads, width }| {
        [2, layers, heads, width, KV_ELEMENT, context_length]
            .iter()
            .fold(1, |product: u64, &n| product.saturating_mul(n))
    });
    MemoryPlan { weights: bytes, kv_cache, workspace: FIXED.saturating_add(bytes / 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smollm2() -> GgufHeader {
        GgufHeader {
            context_length: 8192,
            embedding_length: 576,
            block_count: 30,
            head_count: 9,
            head_count_kv: 3,
            head_count_kv_total: 90,
            key_length: 64,
            value_length: 64,
            vocab_size: 49_152,
            file_size: 98_362_432,
            ..GgufHeader::default()
        }
    }

    #[test]
    fn the_kv_cache_of_a_known_model() {
        let plan = estimate(&smollm2(), 8192, 4);
        assert_eq!(plan.kv_cache, 180 << 20, "llama.cpp reports 180.00 MiB");
        assert_eq!(plan.weights, 98_362_432);
        assert!(plan.total() > plan.weights + plan.kv_cache);
    }

    #[test]
    fn absurd_headers_saturate() {
        let header = GgufHeader { head_count_kv_total: u64::MAX, ..smollm2() };
        assert_eq!(estimate(&header, u32::MAX, 4).total(), u64::MAX);
    }
}
