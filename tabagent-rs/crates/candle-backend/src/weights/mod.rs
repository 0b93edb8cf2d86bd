//! Weights by the part of the decoder that they belong to, whatever the file calls them.

mod gguf;
mod safetensors;

pub(crate) use gguf::GgufWeights;
pub(crate) use safetensors::SafetensorsWeights;

use candle_core::quantized::QMatMul;
use candle_core::{Result, Tensor};

/// A part of the decoder that has weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Embedding,
    OutputNorm,
    Output,
    AttentionNorm(usize),
    Query(usize),
    Key(usize),
    Value(usize),
    AttentionOutput(usize),
    FeedForwardNorm(usize),
    Gate(usize),
    Up(usize),
    Down(usize),
}

/// What of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Weight,
    Bias,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Weight => "weight",
            Kind::Bias => "bias",
        }
    }
}

/// A file that weights are read from, one after the other.
pub(crate) trait Source {
    /// Whether it has them
    fn has(&self, part: Part, kind: Kind) -> bool;
    /// A matrix of so many rows (outputs) and columns (inputs)
    fn matrix(&mut self, part: Part, rows: usize, columns: usize) -> Result<QMatMul>;
    /// A vector of that length
    fn vector(&mut self, part: Part, kind: Kind, length: usize) -> Result<Tensor>;
}
