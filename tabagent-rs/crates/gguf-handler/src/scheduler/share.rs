//! How one step's batch is shared between sequences.

/// Prompt tokens in a step while other sequences are answering: their next token waits for this much work.
const PROMPT_TOKENS_BESIDE_ANSWERS: usize = 128;
/// The part of the batch that the oldest prompt gets, however many short ones overtake it: one over this.
const OLDEST_SHARE: usize = 4;

/// What a sequence has left to compute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Exactly 1 when it answers, 0 when there is nothing to do
    pub(super) tokens: usize,
    /// Smaller for those that came earlier
    pub(super) admitted: u64,
}

/// Tokens each sequence contributes to the next step, at most `batch` together.
///
/// Those that answer go first. Prompts are read one after the other: side by side, all of them would end when the last
/// one does. Of prompts with about as much left the one that came first goes first, and a much shorter one overtakes.
pub(super) fn share_batch(batch: usize, pending: &[Pending]) -> Vec<usize> {
    let answering = pending.iter().filter(|sequence| sequence.tokens == 1).count();
    let mut budget = batch.saturating_sub(answering);
    if answering > 0 {
        budget = budget.min(PROMPT_TOKENS_BESIDE_ANSWERS);
    }
    let mut shares: Vec<usize> = pending.iter().map(|sequence| usize::from(sequence.tokens == 1)).collect();
    let mut readers: Vec<usize> = (0..pending.len()).filter(|&index| pending[index].tokens > 1).collect();
    let oldest_share = budget / OLDEST_SHARE;
    let mut give = |index: usize, most: usize| {
        let given = (pending[index].tokens - shares[index]).min(most).min(budget);
        shares[index] += given;
        budget -= given;
    };
    if let Some(&oldest) = readers.iter().min_by_key(|&&index| pending[index].admitted) {
        give(oldest, oldest_share);
    }
    readers.sort_by_key(|&index| (pending[index].tokens.ilog2(), pending[index].admitted));
    for index in readers {
        give(index, batch);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequences that came in the order of their `tokens`.
    fn share(batch: usize, tokens: &[usize]) -> Vec<usize> {
        let pending: Vec<Pending> = (0..).zip(tokens).map(|(admitted, &tokens)| Pending { tokens, admitted }).collect();
        share_batch(batch, &pending)
    }

    #[test]
    fn a_lone_prompt_takes_the_whole_batch() {
        assert_eq!(share(512, &[2000]), [512]);
        assert_eq!(share(512, &[100]), [100]);
    }

    #[test]
    fn answers_go_first_and_prompts_are_held_back_beside_them() {
        assert_eq!(share(512, &[1, 2000, 1]), [1, 128, 1]);
        assert_eq!(share(512, &[1, 1]), [1, 1]);
    }

    #[test]
    fn prompts_are_read_in_the_order_they_came() {
        assert_eq!(share(512, &[1900, 2000]), [512, 0]);
        assert_eq!(share(512, &[300, 310, 290]), [300, 212, 0]);
        let later = Pending { tokens: 300, admitted: 9 };
        let earlier = Pending { tokens: 310, admitted: 4 };
        assert_eq!(share_batch(256, &[later, earlier]), [0, 256]);
    }

    #[test]
    fn a_much_shorter_prompt_overtakes_and_the_oldest_never_stands_still() {
        assert_eq!(share(512, &[2000, 100]), [412, 100]);
        assert_eq!(share(512, &[4000, 900, 950]), [128, 384, 0]);
        assert_eq!(share(64, &[4000, 900, 950]), [16, 48, 0]);
    }

    #[test]
    fn nothing_is_left_unused() {
        assert_eq!(share(512, &[0, 50, 0]), [0, 50, 0]);
        assert_eq!(share(512, &[200, 100, 2000]), [200, 100, 212]);
    }

    #[test]
    fn the_batch_is_never_exceeded() {
        for batch in [4, 64, 512] {
            let shares = share(batch, &[1, 700, 2, 1]);
            assert!(shares.iter().sum::<usize>() <= batch, "{shares:?}");
        }
    }
}
