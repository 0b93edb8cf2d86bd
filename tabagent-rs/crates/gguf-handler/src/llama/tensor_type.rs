//! Sizes of ggml's tensor types.

use llama_cpp_sys_2 as sys;

/// Bytes of one row of `row` elements of tensor type `id`; `None` where ggml has no such type or the row does not
/// divide into its blocks.
pub(crate) fn tensor_bytes(id: u32, row: u64, rows: u64) -> Option<u64> {
    if id >= sys::GGML_TYPE_COUNT {
        return None;
    }
    // SAFETY: both read a static table, and `id` is inside it.
    let (block, size) = unsafe { (sys::ggml_blck_size(id as _), sys::ggml_type_size(id as _)) };
    let block = u64::try_from(block).ok().filter(|&block| block > 0 && row.is_multiple_of(block))?;
    (row / block).checked_mul(size as u64)?.checked_mul(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(tensor_bytes(0, 3, 2), Some(24));
        assert_eq!(tensor_bytes(3, 64, 1), Some(40), "Q4_1: 20 bytes per 32");
        assert_eq!(tensor_bytes(3, 65, 1), None);
        assert_eq!(tensor_bytes(36, 128, 1), None, "a removed type");
        assert_eq!(tensor_bytes(u32::MAX, 1, 1), None);
        assert_eq!(tensor_bytes(0, u64::MAX / 2, 4), None);
    }
}
