//! Which slot a prompt goes to, and how much of it is already there.

use crate::llama::Token;

/// A slot as the decision sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotView<'a> {
    /// Tokens whose keys and values the slot holds
    pub(super) cache: &'a [Token],
    /// Nothing runs in it
    pub(super) idle: bool,
    /// When it last finished something, on a clock that only counts
    pub(super) last_used: u64,
}

/// What may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// Nothing
    Nothing,
    /// A slot's whole cache, by continuing it; a recurrent state cannot be cut or shared
    Whole,
    /// Any prefix
    Prefix,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// An idle slot
    pub(super) slot: usize,
    /// Tokens of the prompt that need no computing
    pub(super) keep: usize,
    /// The slot to share them from, when `slot` does not hold them itself
    pub(super) share_from: Option<usize>,
}

/// Places a prompt. `None` when no slot is idle.
///
/// The last token of the prompt is always computed: its logits are the answer's first token. A slot that would lose more
/// than half of what it holds is spared when another idle slot can share the prefix from it.
pub(super) fn place(slots: &[SlotView<'_>], prompt: &[Token], reuse: Reuse) -> Option<Placement> {
    let idle = || slots.iter().enumerate().filter(|(_, slot)| slot.idle);
    let (victim, _) = idle().min_by_key(|(_, slot)| (!slot.cache.is_empty(), slot.last_used))?;
    let fresh = Placement { slot: victim, keep: 0, share_from: None };
    let common = |slot: &SlotView<'_>| common_prefix(slot.cache, prompt).min(prompt.len().saturating_sub(1));
    match reuse {
        Reuse::Nothing => Some(fresh),
        Reuse::Whole => Some(
            idle()
                .filter(|(_, slot)| !slot.cache.is_empty() && common(slot) == slot.cache.len())
                .max_by_key(|(_, slot)| slot.cache.len())
                .map_or(fresh, |(slot, view)| Placement { slot, keep: view.cache.len(), share_from: None }),
        ),
        Reuse::Prefix => {
            let (best, view) =
                slots.iter().enumerate().max_by_key(|(_, slot)| (common(slot), slot.idle, slot.last_used))?;
            let keep = common(view);
            let in_place = view.idle && (keep * 2 >= view.cache.len() || best == victim);
            Some(match keep {
                0 => fresh,
                _ if in_place => Placement { slot: best, keep, share_from: None },
                _ => Placement { slot: victim, keep, share_from: Some(best) },
            })
        }
    }
}

fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(cache: &[Token], last_used: u64) -> SlotView<'_> {
        SlotView { cache, idle: true, last_used }
    }

    fn busy(cache: &[Token]) -> SlotView<'_> {
        SlotView { cache, idle: false, last_used: 0 }
    }

    fn placement(slot: usize, keep: usize, share_from: Option<usize>) -> Option<Placement> {
        Some(Placement { slot, keep, share_from })
    }

    #[test]
    fn without_an_idle_slot_it_waits() {
        assert_eq!(place(&[busy(&[1])], &[1, 2], Reuse::Prefix), None);
    }

    #[test]
    fn an_unknown_prompt_takes_an_empty_slot_then_the_oldest() {
        assert_eq!(place(&[idle(&[1], 1), idle(&[], 5)], &[9, 9], Reuse::Prefix), placement(1, 0, None));
        assert_eq!(place(&[idle(&[1], 7), idle(&[2], 5)], &[9, 9], Reuse::Prefix), placement(1, 0, None));
    }

    #[test]
    fn a_follow_up_continues_in_its_slot() {
        let slots = [idle(&[1, 2, 3], 1), idle(&[], 0)];
        assert_eq!(place(&slots, &[1, 2, 3, 4], Reuse::Prefix), placement(0, 3, None));
        assert_eq!(place(&slots, &[1, 2, 9], Reuse::Prefix), placement(0, 2, None));
    }

    #[test]
    fn the_last_token_is_always_computed() {
        assert_eq!(place(&[idle(&[1, 2, 3], 1)], &[1, 2, 3], Reuse::Prefix), placement(0, 2, None));
        assert_eq!(place(&[idle(&[1, 2, 3], 1)], &[1], Reuse::Prefix), placement(0, 0, None));
    }

    #[test]
    fn a_long_cache_is_shared_rather_than_cut() {
        let page = [1, 2, 3, 4, 5, 6];
        assert_eq!(place(&[idle(&page, 3), idle(&[], 0)], &[1, 2, 9], Reuse::Prefix), placement(1, 2, Some(0)));
        assert_eq!(place(&[idle(&page, 3)], &[1, 2, 9], Reuse::Prefix), placement(0, 2, None));
    }

    #[test]
    fn a_running_sequence_lends_its_prefix() {
        assert_eq!(place(&[busy(&[1, 2, 3]), idle(&[7], 1)], &[1, 2, 3, 4], Reuse::Prefix), placement(1, 3, Some(0)));
    }

    #[test]
    fn a_recurrent_state_is_continued_or_dropped() {
        let slots = [idle(&[1, 2], 1), idle(&[], 0)];
        assert_eq!(place(&slots, &[1, 2, 3], Reuse::Whole), placement(0, 2, None));
        assert_eq!(place(&slots, &[1, 9, 3], Reuse::Whole), placement(1, 0, None));
        assert_eq!(place(&slots, &[1, 2], Reuse::Whole), placement(1, 0, None));
    }

    #[test]
    fn nothing_is_reused_when_told_so() {
        assert_eq!(place(&[idle(&[1, 2], 1)], &[1, 2, 3], Reuse::Nothing), placement(0, 0, None));
    }
}
