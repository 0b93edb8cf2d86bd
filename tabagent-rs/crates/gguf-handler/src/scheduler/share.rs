//! How one step's batch is shared between sequences.

/// Prompt tokens in a step while other sequences are answering: their next token waits for this much work.
const PROMPT_TOKENS_BESIDE_ANSWERS: usize = 128;

/// Tokens each sequence contributes to the next step, at most `batch` together.
///
/// `pending` is how many tokens each has left to compute; one that answers has exactly 1. Those go first; readers of
/// prompts share the rest evenly.
pub(super) fn share_batch(batch: usize, pending: &[usize]) -> Vec<usize> {
    let answering = pending.iter().filter(|&&tokens| tokens == 1).count();
    let mut budget = batch.saturating_sub(answering);
    if answering > 0 {
        budget = budget.min(PROMPT_TOKENS_BESIDE_ANSWERS);
    }
    let mut shares: Vec<usize> = pending.iter().map(|&tokens| usize::from(tokens == 1)).collect();
    let mut readers: Vec<usize> = (0..pending.len()).filter(|&index| pending[index] > 1).collect();
    readers.sort_by_key(|&index| pending[index]);
    for (done, &index) in readers.iter().enumerate() {
        let even = budget / (readers.len() - done);
        shares[index] = pending[index].min(even);
        budget -= shares[index];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_prompt_takes_the_whole_batch() {
        assert_eq!(share_batch(512, &[2000]), [512]);
        assert_eq!(share_batch(512, &[100]), [100]);
    }

    #[test]
    fn answers_go_first_and_prompts_are_held_back_beside_them() {
        assert_eq!(share_batch(512, &[1, 2000, 1]), [1, 128, 1]);
        assert_eq!(share_batch(512, &[1, 1]), [1, 1]);
    }

    #[test]
    fn prompts_share_evenly_and_leave_nothing_unused() {
        assert_eq!(share_batch(512, &[2000, 2000]), [256, 256]);
        assert_eq!(share_batch(512, &[2000, 100]), [412, 100]);
        assert_eq!(share_batch(512, &[0, 50, 0]), [0, 50, 0]);
    }

    #[test]
    fn the_batch_is_never_exceeded() {
        for batch in [4, 64, 512] {
            let shares = share_batch(batch, &[1, 700, 2, 1]);
            assert!(shares.iter().sum::<usize>() <= batch, "{shares:?}");
        }
    }
}
