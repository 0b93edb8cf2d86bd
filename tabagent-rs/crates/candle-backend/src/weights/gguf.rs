//! GGUF files.
//!
//! llama.cpp's converter reorders the rows of queries and keys of the architecture llama, so that neighbours turn with
//! each other. Here they are put back, whole rows of quantised blocks, and one kind of rotary positions serves all.

use super::{Kind, Part, Source};
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{QMatMul, QStorage, QTensor};
use candle_core::{Device, Result, Tensor, bail};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// The tensors of a GGUF file.
pub(crate) struct GgufWeights {
    file: File,
    content: Content,
    device: Device,
    /// Width of a head whose rows are reordered
    reordered: Option<usize>,
    /// Told how many bytes each tensor took
    read: Box<dyn FnMut(u64) -> bool>,
}

impl GgufWeights {
    /// `head_width`, of heads whose rows the converter has reordered.
    pub(crate) fn new(
        file: File,
        content: Content,
        device: &Device,
        head_width: Option<usize>,
        read: Box<dyn FnMut(u64) -> bool>,
    ) -> Self {
        Self { file, content, device: device.clone(), reordered: head_width, read }
    }

    /// Divisors of the rotary frequencies, where the file has its own.
    pub(crate) fn rope_divisors(&mut self, length: usize) -> Result<Option<Vec<f32>>> {
        if !self.content.tensor_infos.contains_key("rope_freqs.weight") {
            return Ok(None);
        }
        self.tensor("rope_freqs.weight", &[length], None)?.dequantize(&Device::Cpu)?.to_vec1().map(Some)
    }

    fn tensor(&mut self, name: &str, shape: &[usize], reordered: Option<usize>) -> Result<QTensor> {
        let Some(info) = self.content.tensor_infos.get(name) else { bail!("it has no tensor {name}") };
        if info.shape.dims() != shape {
            bail!("{name} has the shape {:?}, and the header says {shape:?}", info.shape.dims());
        }
        let (elements, dtype) = (info.shape.elem_count(), info.ggml_dtype);
        let mut bytes = vec![0; elements / dtype.block_size() * dtype.type_size()];
        self.file.seek(SeekFrom::Start(self.content.tensor_data_offset + info.offset))?;
        self.file.read_exact(&mut bytes)?;
        if !(self.read)(bytes.len() as u64) {
            bail!("the load was ended");
        }
        if let Some(width) = reordered {
            bytes = in_order(&bytes, shape[0], width);
        }
        QTensor::new(QStorage::from_data(Cow::Owned(bytes), &self.device, dtype)?, shape)
    }

    fn reordered(&self, part: Part) -> Option<usize> {
        self.reordered.filter(|_| matches!(part, Part::Query(_) | Part::Key(_)))
    }
}

impl Source for GgufWeights {
    fn has(&self, part: Part, kind: Kind) -> bool {
        self.content.tensor_infos.contains_key(&name(part, kind))
    }

    fn matrix(&mut self, part: Part, rows: usize, columns: usize) -> Result<QMatMul> {
        let reordered = self.reordered(part);
        let tensor = self.tensor(&name(part, Kind::Weight), &[rows, columns], reordered)?;
        QMatMul::from_arc(Arc::new(tensor))
    }

    fn vector(&mut self, part: Part, kind: Kind, length: usize) -> Result<Tensor> {
        let reordered = self.reordered(part);
        let device = self.device.clone();
        self.tensor(&name(part, kind), &[length], reordered)?.dequantize(&device)
    }
}

/// `rows` rows of heads of `width`: row 2i of a head was its row i, and row 2i + 1 its row i + width / 2.
fn in_order(bytes: &[u8], rows: usize, width: usize) -> Vec<u8> {
    let row = bytes.len() / rows;
    let half = width / 2;
    let mut out = Vec::with_capacity(bytes.len());
    for head in bytes.chunks_exact(row * width) {
        let order = (0..half).map(|pair| 2 * pair).chain((0..half).map(|pair| 2 * pair + 1));
        order.for_each(|at| out.extend_from_slice(&head[at * row..(at + 1) * row]));
    }
    out
}

fn name(part: Part, kind: Kind) -> String {
    let kind = kind.name();
    let in_layer = |layer: usize, what: &str| format!("blk.{layer}.{what}.{kind}");
    match part {
        Part::Embedding => format!("token_embd.{kind}"),
        Part::OutputNorm => format!("output_norm.{kind}"),
        Part::Output => format!("output.{kind}"),
        Part::AttentionNorm(layer) => in_layer(layer, "attn_norm"),
        Part::Query(layer) => in_layer(layer, "attn_q"),
        Part::Key(layer) => in_layer(layer, "attn_k"),
        Part::Value(layer) => in_layer(layer, "attn_v"),
        Part::AttentionOutput(layer) => in_layer(layer, "attn_output"),
        Part::FeedForwardNorm(layer) => in_layer(layer, "ffn_norm"),
        Part::Gate(layer) => in_layer(layer, "ffn_gate"),
        Part::Up(layer) => in_layer(layer, "ffn_up"),
        Part::Down(layer) => in_layer(layer, "ffn_down"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_head_are_put_back() {
        assert_eq!(in_order(&[0, 2, 1, 3, 4, 6, 5, 7], 8, 4), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(in_order(&[0, 0, 2, 2, 1, 1, 3, 3], 4, 4), [0, 0, 1, 1, 2, 2, 3, 3]);
    }
}
