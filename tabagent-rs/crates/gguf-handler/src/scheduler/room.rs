//! Whether the KV cache has room for one more sequence, and what must be forgotten for it.
//!
//! A running sequence reserves all it may ever need, so that none runs out of room halfway. Cells that slots share are
//! counted for each of them: the count errs on the safe side.

/// The cache an idle slot keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdleCache {
    pub(super) slot: usize,
    pub(super) tokens: usize,
    pub(super) last_used: u64,
}

/// Slots to forget, the longest unused first, so that `needed` tokens fit. `None` when the running sequences have reserved
/// too much: the request waits for one to finish.
pub(super) fn make_room(capacity: usize, reserved: usize, needed: usize, idle: &[IdleCache]) -> Option<Vec<usize>> {
    let mut spare = capacity.checked_sub(reserved)?.checked_sub(needed)?;
    let mut newest_first: Vec<_> = idle.iter().filter(|cache| cache.tokens > 0).collect();
    newest_first.sort_by_key(|cache| std::cmp::Reverse(cache.last_used));
    let mut forget: Vec<usize> = Vec::new();
    for cache in newest_first {
        match spare.checked_sub(cache.tokens) {
            Some(left) if forget.is_empty() => spare = left,
            _ => forget.push(cache.slot),
        }
    }
    forget.reverse();
    Some(forget)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caches(list: &[(usize, usize, u64)]) -> Vec<IdleCache> {
        list.iter().map(|&(slot, tokens, last_used)| IdleCache { slot, tokens, last_used }).collect()
    }

    #[test]
    fn what_is_reserved_is_never_given_away() {
        assert_eq!(make_room(100, 60, 41, &[]), None);
        assert_eq!(make_room(100, 60, 40, &[]), Some(vec![]));
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let idle = caches(&[(0, 30, 5), (1, 30, 1), (2, 30, 9)]);
        assert_eq!(make_room(100, 0, 10, &idle), Some(vec![]));
        assert_eq!(make_room(100, 0, 20, &idle), Some(vec![1]));
        assert_eq!(make_room(100, 0, 60, &idle), Some(vec![1, 0]));
        assert_eq!(make_room(100, 0, 100, &idle), Some(vec![1, 0, 2]));
    }

    #[test]
    fn empty_slots_are_left_alone() {
        assert_eq!(make_room(10, 0, 10, &caches(&[(0, 0, 0)])), Some(vec![]));
    }
}
