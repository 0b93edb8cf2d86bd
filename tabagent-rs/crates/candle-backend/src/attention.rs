//! Causal attention with grouped heads.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::attention::{AttnMask, flash_attn};

/// Attends with `queries` (tokens × heads × width), the last tokens of those that `keys` and `values` (tokens × fewer
/// heads × width) hold. Returns tokens × (heads · width).
pub(crate) fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
    if queries.device().is_cpu() && queries.dtype() == DType::F32 {
        on_cpu(queries, keys, values)
    } else {
        by_matrices(queries, keys, values)
    }
}

fn scale(width: usize) -> f64 {
    1.0 / (width as f64).sqrt()
}

/// candle's fused kernel: scores are never stored.
fn on_cpu(queries: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
    let (tokens, heads, width) = queries.dims3()?;
    let mask = AttnMask::Causal { kv_offset: keys.dim(0)? - tokens };
    let (queries, keys, values) = (queries.unsqueeze(0)?, keys.unsqueeze(0)?, values.unsqueeze(0)?);
    let mixed = flash_attn::<f32>(&queries, &keys, &values, scale(width) as f32, mask, None, None)?;
    mixed.squeeze(0)?.transpose(0, 1)?.contiguous()?.reshape((tokens, heads * width))
}

/// Two matrix products per key head around a softmax, which subtracts each row's maximum before it takes powers.
fn by_matrices(queries: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
    let (tokens, heads, width) = queries.dims3()?;
    let (seen, groups, _) = keys.dims3()?;
    let shared = heads / groups;
    let queries = queries.reshape((tokens, groups, shared, width))?.permute((1, 2, 0, 3))?;
    let queries = queries.contiguous()?.reshape((groups, shared * tokens, width))?;
    let keys = keys.permute((1, 2, 0))?.contiguous()?;
    let scores = (queries.matmul(&keys)? * scale(width))?.reshape((groups, shared, tokens, seen))?;
    let scores = match tokens {
        1 => scores,
        _ => scores.broadcast_add(&mask(tokens, seen, scores.dtype(), scores.device())?)?,
    };
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.reshape((groups, shared * tokens, seen))?;
    let mixed = weights.matmul(&values.transpose(0, 1)?.contiguous()?)?;
    let mixed = mixed.reshape((groups, shared, tokens, width))?.permute((2, 0, 1, 3))?;
    mixed.contiguous()?.reshape((tokens, heads * width))
}

/// Minus infinity where a token would see one that comes after it.
fn mask(tokens: usize, seen: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let before = seen - tokens;
    let row = |token: usize| (0..seen).map(move |at| if at <= before + token { 0.0 } else { f32::NEG_INFINITY });
    let values: Vec<f32> = (0..tokens).flat_map(row).collect();
    Tensor::from_vec(values, (tokens, seen), device)?.to_dtype(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(tokens: usize, heads: usize, spread: f32) -> Result<Tensor> {
        Tensor::rand(-spread, spread, (tokens, heads, 16), &Device::Cpu)
    }

    fn difference(a: &Tensor, b: &Tensor) -> Result<f32> {
        (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()
    }

    #[test]
    fn both_ways_agree_with_one_group_and_several() -> Result<()> {
        for (tokens, seen, heads, groups) in [(1, 1, 4, 4), (1, 9, 6, 2), (5, 5, 6, 2), (3, 40, 9, 3), (7, 7, 4, 1)] {
            let (queries, keys, values) =
                (random(tokens, heads, 1.0)?, random(seen, groups, 1.0)?, random(seen, groups, 1.0)?);
            let fused = on_cpu(&queries, &keys, &values)?;
            assert_eq!(fused.dims(), [tokens, heads * 16]);
            assert!(difference(&fused, &by_matrices(&queries, &keys, &values)?)? < 1e-5);
        }
        Ok(())
    }

    #[test]
    fn a_token_sees_nothing_that_comes_after_it() -> Result<()> {
        let (queries, keys, values) = (random(4, 2, 1.0)?, random(4, 2, 1.0)?, random(4, 2, 1.0)?);
        let whole = attend(&queries, &keys, &values)?;
        let first = attend(&queries.narrow(0, 0, 1)?, &keys.narrow(0, 0, 1)?, &values.narrow(0, 0, 1)?)?;
        assert!(difference(&whole.narrow(0, 0, 1)?, &first)? < 1e-6);
        assert!(difference(&first, &values.narrow(0, 0, 1)?.reshape((1, 32))?)? < 1e-6);
        Ok(())
    }

    #[test]
    fn huge_scores_stay_numbers() -> Result<()> {
        let (queries, keys, values) = (random(3, 2, 1e4)?, random(6, 2, 1e4)?, random(6, 2, 1.0)?);
        for mixed in [on_cpu(&queries, &keys, &values)?, by_matrices(&queries, &keys, &values)?] {
            let mixed = mixed.flatten_all()?.to_vec1::<f32>()?;
            assert!(mixed.iter().all(|value| value.abs() <= 1.0), "{mixed:?}");
        }
        Ok(())
    }
}
