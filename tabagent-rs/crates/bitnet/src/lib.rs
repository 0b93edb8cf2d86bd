//! Ternary weights: I2_S of Microsoft's llama.cpp fork, repacked without loss to llama.cpp's TQ2_0.
//!
//! Layouts: I2_S packs 128 weights into 32 bytes, the first 32 weights in the highest two bits, and ends the tensor with one
//! f32 scale (`ggml-bitnet-mad.cpp`, `quantize_i2_s`). TQ2_0 packs 256 weights into 64 bytes, the first 32 in the lowest
//! two bits, and an f16 scale per block (`ggml-quants.c`). Both have 0, 1, 2 for -1, 0, +1, so a byte is repacked by
//! turning its four fields around. The block's scale is 1; the tensor's goes into a `.scale` tensor of its own, which
//! llama.cpp multiplies with after the matrix product, so that nothing is rounded.
#![forbid(unsafe_code)]

mod pack;
mod rewrite;

pub use pack::{I2_S_BYTES, TQ2_0_BYTES, repack_block};
pub use rewrite::repack;
