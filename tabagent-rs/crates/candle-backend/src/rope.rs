//! Rotary positions: tables of cosines and sines, made once.

use crate::config::{DecoderConfig, RopeScaling};
use candle_core::{DType, Device, Result, Tensor};
use std::f32::consts::PI;

/// Angles of every position, in the order in which a head's first half turns with its second.
pub(crate) struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// For positions below `length`. `divisors` are a GGUF file's own, one per frequency.
    pub(crate) fn new(
        config: &DecoderConfig,
        divisors: Option<Vec<f32>>,
        length: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let half = config.head_width / 2;
        let mut frequencies = frequencies(config);
        if let Some(divisors) = divisors {
            frequencies.iter_mut().zip(divisors).for_each(|(frequency, divisor)| *frequency /= divisor);
        }
        let frequencies = Tensor::from_vec(frequencies, (1, half), &Device::Cpu)?;
        let positions = Tensor::arange(0u32, length as u32, &Device::Cpu)?.to_dtype(DType::F32)?;
        let angles = positions.reshape((length, 1))?.matmul(&frequencies)?;
        let place = |table: Tensor| table.to_dtype(dtype)?.to_device(device);
        Ok(Self { cos: place(angles.cos()?)?, sin: place(angles.sin()?)? })
    }

    /// Turns `heads` of shape tokens × heads × width, whose first token is at `position`.
    pub(crate) fn turn(&self, heads: &Tensor, position: usize) -> Result<Tensor> {
        let tokens = heads.dim(0)?;
        let cos = self.cos.narrow(0, position, tokens)?;
        let sin = self.sin.narrow(0, position, tokens)?;
        candle_nn::rotary_emb::rope_thd(&heads.unsqueeze(0)?.contiguous()?, &cos, &sin)?.squeeze(0)
    }
}

fn frequencies(config: &DecoderConfig) -> Vec<f32> {
    let width = config.head_width as f32;
    let plain = (0..config.head_width / 2).map(|pair| config.rope_theta.powf(-(2.0 * pair as f32) / width));
    match config.rope_scaling {
        RopeScaling::None => plain.collect(),
        RopeScaling::Linear(factor) => plain.map(|frequency| frequency / factor).collect(),
        RopeScaling::Llama3 { factor, low, high, original_context } => plain
            .map(|frequency| {
                let turns = original_context * frequency / (2.0 * PI);
                if turns < low {
                    frequency / factor
                } else if turns > high {
                    frequency
                } else {
                    let share = (turns - low) / (high - low);
                    (1.0 - share) * frequency / factor + share * frequency
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(scaling: serde_json::Value) -> DecoderConfig {
        DecoderConfig::from_json(&json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 64, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 64,
            "rope_theta": 10000.0, "rope_scaling": scaling
        }))
        .expect("usable")
    }

    #[test]
    fn llama_3_divides_low_frequencies_only() {
        let plain = frequencies(&config(json!(null)));
        let scaled = frequencies(&config(json!({"rope_type": "llama3", "factor": 8.0})));
        assert_eq!(plain[0], scaled[0]);
        let last = plain.len() - 1;
        assert!((plain[last] / scaled[last] - 8.0).abs() < 1e-3);
    }

    #[test]
    fn turning_keeps_lengths_and_position_zero() -> Result<()> {
        let rope = Rope::new(&config(json!(null)), None, 16, DType::F32, &Device::Cpu)?;
        let heads = Tensor::rand(-1f32, 1.0, (3, 2, 64), &Device::Cpu)?;
        let turned = rope.turn(&heads, 0)?;
        let first = |tensor: &Tensor| tensor.get(0)?.flatten_all()?.to_vec1::<f32>();
        assert_eq!(first(&heads)?, first(&turned)?);
        let lengths = |tensor: &Tensor| tensor.sqr()?.sum(2)?.flatten_all()?.to_vec1::<f32>();
        for (before, after) in lengths(&heads)?.into_iter().zip(lengths(&turned)?) {
            assert!((before - after).abs() < 1e-3);
        }
        Ok(())
    }
}
