//! Sizes of ggml's tensor types. Source: `ggml.h` and `ggml-common.h` of the pinned llama.cpp; a test of `gguf-handler`
//! holds the table against the library itself.

/// A tensor type of ggml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Number in the file
    pub id: u32,
    /// ggml's name
    pub name: &'static str,
    /// Elements in a block
    pub block: u64,
    /// Bytes of a block
    pub bytes: u64,
}

const fn of(id: u32, name: &'static str, block: u64, bytes: u64) -> TensorType {
    TensorType { id, name, block, bytes }
}

/// Every type that this llama.cpp reads.
pub const TENSOR_TYPES: &[TensorType] = &[
    of(0, "F32", 1, 4),
    of(1, "F16", 1, 2),
    of(2, "Q4_0", 32, 18),
    of(3, "Q4_1", 32, 20),
    of(6, "Q5_0", 32, 22),
    of(7, "Q5_1", 32, 24),
    of(8, "Q8_0", 32, 34),
    of(9, "Q8_1", 32, 36),
    of(10, "Q2_K", 256, 84),
    of(11, "Q3_K", 256, 110),
    of(12, "Q4_K", 256, 144),
    of(13, "Q5_K", 256, 176),
    of(14, "Q6_K", 256, 210),
    of(15, "Q8_K", 256, 292),
    of(16, "IQ2_XXS", 256, 66),
    of(17, "IQ2_XS", 256, 74),
    of(18, "IQ3_XXS", 256, 98),
    of(19, "IQ1_S", 256, 50),
    of(20, "IQ4_NL", 32, 18),
    of(21, "IQ3_S", 256, 110),
    of(22, "IQ2_S", 256, 82),
    of(23, "IQ4_XS", 256, 136),
    of(24, "I8", 1, 1),
    of(25, "I16", 1, 2),
    of(26, "I32", 1, 4),
    of(27, "I64", 1, 8),
    of(28, "F64", 1, 8),
    of(29, "IQ1_M", 256, 56),
    of(30, "BF16", 1, 2),
    of(34, "TQ1_0", 256, 54),
    of(35, "TQ2_0", 256, 66),
    of(39, "MXFP4", 32, 17),
    of(40, "NVFP4", 64, 36),
    of(41, "Q1_0", 128, 18),
    of(42, "Q2_0", 64, 18),
];

/// The type with that number.
pub fn tensor_type(id: u32) -> Option<&'static TensorType> {
    TENSOR_TYPES.iter().find(|known| known.id == id)
}

impl TensorType {
    /// Bytes of `rows` rows of `row` elements; `None` where a row does not divide into blocks, or on overflow.
    pub fn size(&self, row: u64, rows: u64) -> Option<u64> {
        if !row.is_multiple_of(self.block) {
            return None;
        }
        (row / self.block).checked_mul(self.bytes)?.checked_mul(rows)
    }
}

/// Types of Microsoft's llama.cpp fork, with numbers that ggml has retired or given to something else.
pub mod bitnet_fork {
    /// Two bits a weight, one scale a tensor
    pub const I2_S: u32 = 36;
    /// Table lookup, ARM
    pub const TL1: u32 = 38;
    /// Table lookup, x86; ggml's number for MXFP4
    pub const TL2: u32 = 39;
    /// Weights of a block of I2_S
    pub const I2_S_BLOCK: u64 = 128;
    /// Bytes after the weights of an I2_S tensor: its scale as f32, and padding
    pub const I2_S_TAIL: u64 = 32;

    /// Bytes of an I2_S tensor.
    pub fn i2_s_size(elements: u64) -> Option<u64> {
        if !elements.is_multiple_of(I2_S_BLOCK) {
            return None;
        }
        (elements / 4).checked_add(I2_S_TAIL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let size = |id, row, rows| tensor_type(id).and_then(|known| known.size(row, rows));
        assert_eq!(size(0, 3, 2), Some(24));
        assert_eq!(size(3, 64, 1), Some(40), "Q4_1: 20 bytes per 32");
        assert_eq!(size(3, 65, 1), None);
        assert_eq!(size(36, 128, 1), None, "a removed type");
        assert_eq!(size(u32::MAX, 1, 1), None);
        assert_eq!(size(0, u64::MAX / 2, 4), None);
        assert_eq!(bitnet_fork::i2_s_size(256 * 3), Some(192 + 32));
    }
}
