//! A matrix times one token's state: what an answer's every step consists of.
//!
//! candle's general product splits the work for many rows; with one row, each output is a dot product, and the weights
//! are read once, in order, by all threads.

use candle_core::quantized::QMatMul;
use candle_core::{Module, Result, Storage, Tensor};
use rayon::prelude::*;

/// Outputs that one thread computes at a time.
const ROWS: usize = 64;
const LANES: usize = 16;

/// `input` (tokens × columns) times the transposed `weight` (rows × columns).
pub(crate) fn multiply(weight: &QMatMul, input: &Tensor) -> Result<Tensor> {
    if let QMatMul::Tensor(matrix) = weight
        && input.dim(0)? == 1
        && let Some(output) = one_row(matrix, input)?
    {
        return Ok(output);
    }
    weight.forward(input)
}

/// `None` where these are not floats in order in main memory.
fn one_row(matrix: &Tensor, input: &Tensor) -> Result<Option<Tensor>> {
    let (rows, columns) = matrix.dims2()?;
    let (matrix, place) = matrix.storage_and_layout();
    let (state, at) = input.storage_and_layout();
    let (Storage::Cpu(matrix), Storage::Cpu(state)) = (&*matrix, &*state) else { return Ok(None) };
    let (Some((begin, end)), Some((first, last))) = (place.contiguous_offsets(), at.contiguous_offsets()) else {
        return Ok(None);
    };
    let (Ok(matrix), Ok(state)) = (matrix.as_slice::<f32>(), state.as_slice::<f32>()) else { return Ok(None) };
    let (matrix, state) = (&matrix[begin..end], &state[first..last]);
    let mut output = vec![0f32; rows];
    output.par_chunks_mut(ROWS).zip(matrix.par_chunks(ROWS * columns)).for_each(|(output, matrix)| {
        for (output, row) in output.iter_mut().zip(matrix.chunks_exact(columns)) {
            *output = dot(row, state);
        }
    });
    Tensor::from_vec(output, (1, rows), input.device()).map(Some)
}

/// In lanes that the compiler turns into vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (whole, rest) = (a.chunks_exact(LANES), a.len() / LANES * LANES);
    for (a, b) in whole.zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let tail: f32 = a[rest..].iter().zip(&b[rest..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn one_row_is_what_candle_computes() -> Result<()> {
        for (rows, columns) in [(1, 1), (7, 33), (200, 64), (65, 16)] {
            let matrix = Tensor::rand(-1f32, 1.0, (rows, columns), &Device::Cpu)?;
            let input = Tensor::rand(-1f32, 1.0, (3, columns), &Device::Cpu)?.narrow(0, 2, 1)?;
            let expected = input.contiguous()?.matmul(&matrix.t()?)?;
            let output = multiply(&QMatMul::Tensor(matrix), &input)?;
            assert_eq!(output.dims(), [1, rows]);
            assert!((output - expected)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5);
        }
        Ok(())
    }
}
