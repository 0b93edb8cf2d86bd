//! The decoder that llama, mistral and qwen2 share: RMS norms, grouped attention with rotary positions, gated units.

use crate::attention::attend;
use crate::cache::Cache;
use crate::config::DecoderConfig;
use crate::product::multiply;
use crate::rope::Rope;
use crate::weights::{Kind, Part, Source};
use candle_core::quantized::QMatMul;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu};

struct Linear {
    weight: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    fn load(source: &mut dyn Source, part: Part, rows: usize, columns: usize) -> Result<Self> {
        let bias = match source.has(part, Kind::Bias) {
            true => Some(source.vector(part, Kind::Bias, rows)?),
            false => None,
        };
        Ok(Self { weight: source.matrix(part, rows, columns)?, bias })
    }

    /// The matrix, where it is all and not quantised.
    fn floats(&self) -> Option<&Tensor> {
        match (&self.weight, &self.bias) {
            (QMatMul::Tensor(matrix), None) => Some(matrix),
            _ => None,
        }
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let output = multiply(&self.weight, input)?;
        match &self.bias {
            Some(bias) => output.broadcast_add(bias),
            None => Ok(output),
        }
    }
}

/// Matrices that the same input goes through: one product where they are floats, else one after the other.
enum Several {
    Joined(Linear, Vec<usize>),
    Apart(Vec<Linear>),
}

impl Several {
    fn of(parts: Vec<Linear>) -> Result<Self> {
        let floats: Option<Vec<&Tensor>> = parts.iter().map(Linear::floats).collect();
        let Some(floats) = floats else { return Ok(Self::Apart(parts)) };
        let rows = floats.iter().map(|matrix| matrix.dim(0)).collect::<Result<_>>()?;
        Ok(Self::Joined(Linear { weight: QMatMul::Tensor(Tensor::cat(&floats, 0)?), bias: None }, rows))
    }

    fn forward(&self, input: &Tensor) -> Result<Vec<Tensor>> {
        let (joined, rows) = match self {
            Self::Apart(parts) => return parts.iter().map(|part| part.forward(input)).collect(),
            Self::Joined(joined, rows) => (joined.forward(input)?, rows),
        };
        let mut begin = 0;
        let cut = |&rows: &usize| {
            begin += rows;
            joined.narrow(1, begin - rows, rows)?.contiguous()
        };
        rows.iter().map(cut).collect()
    }
}

struct Layer {
    attention_norm: Tensor,
    /// Queries, keys, values
    attended: Several,
    attention_output: Linear,
    feed_forward_norm: Tensor,
    /// Gate and what it lets through
    gated: Several,
    down: Linear,
}

/// Weights and tables; read-only, shared by all conversations.
pub(crate) struct Decoder {
    config: DecoderConfig,
    embedding: QMatMul,
    layers: Vec<Layer>,
    output_norm: Tensor,
    /// `None` where the embedding serves
    output: Option<Linear>,
    rope: Rope,
    dtype: DType,
    device: Device,
}

impl Decoder {
    pub(crate) fn load(
        config: DecoderConfig,
        source: &mut dyn Source,
        rope: Rope,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (hidden, vocabulary) = (config.hidden, config.vocab_size);
        let embedding = source.matrix(Part::Embedding, vocabulary, hidden)?;
        let layers = (0..config.layers).map(|layer| Layer::load(&config, source, layer)).collect::<Result<_>>()?;
        let output_norm = source.vector(Part::OutputNorm, Kind::Weight, hidden)?;
        let output = match source.has(Part::Output, Kind::Weight) {
            true => Some(Linear::load(source, Part::Output, vocabulary, hidden)?),
            false => None,
        };
        Ok(Self { config, embedding, layers, output_norm, output, rope, dtype, device: device.clone() })
    }

    /// An empty cache for at most `most` tokens.
    pub(crate) fn cache(&self, most: usize) -> Cache {
        let DecoderConfig { layers, kv_heads, head_width, .. } = self.config;
        Cache::new(layers, kv_heads, head_width, most, self.dtype, &self.device)
    }

    /// Computes `tokens` after those in the cache, asking `go_on` before each layer. Returns the logits that follow the
    /// last one where they are `wanted`; `None` also when `go_on` said no, and the cache is then as it was.
    pub(crate) fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        wanted: bool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<f32>>> {
        let ids = Tensor::new(tokens, &self.device)?;
        let mut state = self.embedding.embedding(&ids)?.to_dtype(self.dtype)?;
        for (index, layer) in self.layers.iter().enumerate() {
            if !go_on() {
                return Ok(None);
            }
            state = self.layer(index, layer, &state, cache)?;
        }
        cache.advance(tokens.len());
        if !wanted {
            return Ok(None);
        }
        let last = self.norm(&state.narrow(0, tokens.len() - 1, 1)?, &self.output_norm)?;
        let logits = match &self.output {
            Some(output) => output.forward(&last)?,
            None => multiply(&self.embedding, &last)?,
        };
        logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1().map(Some)
    }

    fn layer(&self, index: usize, layer: &Layer, state: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let DecoderConfig { heads, kv_heads, head_width, .. } = self.config;
        let (tokens, position) = (state.dim(0)?, cache.len());
        let input = self.norm(state, &layer.attention_norm)?;
        let attended = layer.attended.forward(&input)?;
        let queries = attended[0].reshape((tokens, heads, head_width))?;
        let keys = attended[1].reshape((tokens, kv_heads, head_width))?;
        let values = attended[2].reshape((tokens, kv_heads, head_width))?;
        let queries = self.rope.turn(&queries, position)?;
        let (keys, values) = cache.append(index, &self.rope.turn(&keys, position)?, &values)?;
        let state = (state + layer.attention_output.forward(&attend(&queries, &keys, &values)?)?)?;
        let input = self.norm(&state, &layer.feed_forward_norm)?;
        let gated = layer.gated.forward(&input)?;
        &state + layer.down.forward(&(silu(&gated[0])? * &gated[1])?)?
    }

    fn norm(&self, state: &Tensor, weight: &Tensor) -> Result<Tensor> {
        rms_norm(state, weight, self.config.norm_epsilon as f32)
    }
}

impl Layer {
    fn load(config: &DecoderConfig, source: &mut dyn Source, layer: usize) -> Result<Self> {
        let DecoderConfig { hidden, intermediate, heads, kv_heads, head_width, .. } = *config;
        let (attended, shared) = (heads * head_width, kv_heads * head_width);
        Ok(Self {
            attention_norm: source.vector(Part::AttentionNorm(layer), Kind::Weight, hidden)?,
            attended: Several::of(vec![
                Linear::load(source, Part::Query(layer), attended, hidden)?,
                Linear::load(source, Part::Key(layer), shared, hidden)?,
                Linear::load(source, Part::Value(layer), shared, hidden)?,
            ])?,
            attention_output: Linear::load(source, Part::AttentionOutput(layer), hidden, attended)?,
            feed_forward_norm: source.vector(Part::FeedForwardNorm(layer), Kind::Weight, hidden)?,
            gated: Several::of(vec![
                Linear::load(source, Part::Gate(layer), intermediate, hidden)?,
                Linear::load(source, Part::Up(layer), intermediate, hidden)?,
            ])?,
            down: Linear::load(source, Part::Down(layer), hidden, intermediate)?,
        })
    }
}
