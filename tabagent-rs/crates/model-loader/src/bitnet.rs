//! Which BitNet models can run, and why the others cannot.

use crate::detection::Detection;
use crate::gguf::{GgufHeader, TensorInfo};

/// llama.cpp's TQ2_0 packs this many weights of a row together.
const TQ2_0_BLOCK: u64 = 256;

/// Notes what keeps a ternary model from running.
pub(crate) fn hinder(found: &mut Detection, header: &GgufHeader, tensors: &[TensorInfo]) {
    if matches!(header.architecture.as_str(), "bitnet-25" | "bitnet-b1.58") {
        found.hinder(
            "unsupported_architecture",
            "BitNet b1.58 2B-4T needs squared ReLU, which llama.cpp's graph lacks: it would answer fluently and wrongly. \
             TabAgent's own kernels for it are not there yet.",
        );
        return;
    }
    match header.quantisation {
        Some("TL1" | "TL2") => found.hinder(
            "unsupported_format",
            "Its weights are laid out for one kernel on one machine (TL1, TL2); take the file with I2_S weights.",
        ),
        Some("I2_S") if !matches!(header.architecture.as_str(), "llama" | "bitnet") => {
            found.hinder(
                "unsupported_architecture",
                format!("I2_S weights run for the architectures llama and bitnet, not for {}.", header.architecture),
            );
        }
        Some("I2_S") if !tensors.iter().all(row_fits) => found.hinder(
            "unsupported_format",
            format!("Its I2_S rows are no multiples of {TQ2_0_BLOCK} and cannot become TQ2_0; take its F16 file."),
        ),
        _ => {}
    }
}

fn row_fits(tensor: &TensorInfo) -> bool {
    tensor.fork_name() != Some("I2_S") || tensor.shape[0].is_multiple_of(TQ2_0_BLOCK)
}
