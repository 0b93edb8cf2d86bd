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

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let output = multiply(&self.weight, input)?;
        match &self.bias {
            Some(bias) => output.broadcast_add(bias),
            None => Ok(output),
        }
    }
}

struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    feed_forward_norm: Tensor,
    gate: Linear,
    up: Linear,
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
        let queries = layer.query.forward(&input)?.reshape((tokens, heads, head_width))?;
        let keys = layer.key.forward(&input)?.reshape((tokens, kv_heads, head_width))?;
        let values = layer.value.forward(&input)?.reshape((tokens, kv_heads, head_width))?;
        let queries = self.rope.turn(&queries, position)?;
        let (keys, values) = cache.append(index, &self.rope.turn(&keys, position)?, &values)?;
        let state = (state + layer.attention_output.forward(&attend(&queries, &keys, &values)?)?)?;
        let input = self.norm(&state, &layer.feed_forward_norm)?;
        let gated = (silu(&layer.gate.forward(&input)?)? * layer.up.forward(&input)?)?;
        &state + layer.down.forward(&gated)?
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
            query: Linear::load(source, Part::Query(layer), attended, hidden)?,
            key: Linear::load(source, Part::Key(layer), shared, hidden)?,
            value: Linear::load(source, Part::Value(layer), shared, hidden)?,
            attention_output: Linear::load(source, Part::AttentionOutput(layer), hidden, attended)?,
            feed_forward_norm: source.vector(Part::FeedForwardNorm(layer), Kind::Weight, hidden)?,
            gate: Linear::load(source, Part::Gate(layer), intermediate, hidden)?,
            up: Linear::load(source, Part::Up(layer), intermediate, hidden)?,
            down: Linear::load(source, Part::Down(layer), hidden, intermediate)?,
        })
    }
}
