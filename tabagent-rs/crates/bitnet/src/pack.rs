//! One block.

/// Bytes of 256 weights in I2_S.
pub const I2_S_BYTES: usize = 64;
/// Bytes of 256 weights in TQ2_0.
pub const TQ2_0_BYTES: usize = 66;
/// 1.0 as f16.
const ONE: u16 = 0x3c00;

/// Repacks 256 weights.
pub fn repack_block(from: &[u8; I2_S_BYTES], to: &mut [u8; TQ2_0_BYTES]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from >> 6 | (from >> 2 & 0x0c) | (from << 2 & 0x30) | from << 6;
    }
    to[I2_S_BYTES..].copy_from_slice(&ONE.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the format's description says it, weight by weight.
    fn i2_s_code(packed: &[u8], weight: usize) -> u8 {
        let (block, within) = (weight / 128, weight % 128);
        packed[32 * block + within % 32] >> (6 - 2 * (within / 32)) & 3
    }

    fn tq2_0_code(packed: &[u8], weight: usize) -> u8 {
        let (half, within) = (weight / 128, weight % 128);
        packed[32 * half + within % 32] >> (2 * (within / 32)) & 3
    }

    #[test]
    fn every_weight_keeps_its_value() {
        let mut state = 1u32;
        for _ in 0..200 {
            let from: [u8; I2_S_BYTES] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            });
            let mut to = [0; TQ2_0_BYTES];
            repack_block(&from, &mut to);
            for weight in 0..256 {
                assert_eq!(i2_s_code(&from, weight), tq2_0_code(&to, weight), "weight {weight}");
            }
            assert_eq!(to[64..], [0x00, 0x3c]);
        }
    }
}
