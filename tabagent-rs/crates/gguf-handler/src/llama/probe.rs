//! Runs a CPU module for a moment, in a process that may die of it.

use super::backend::load_cpu_module;
use generation::{Error, Result};
use llama_cpp_sys_2 as sys;
use std::path::Path;

const COLUMNS: i64 = 512;
const ROWS: i64 = 32;
const TOKENS: i64 = 16;

/// Types whose products use different instructions: blocks of 4 and 8 bits, k-quants, and half floats.
const TYPES: [sys::ggml_type; 5] =
    [sys::GGML_TYPE_Q4_0, sys::GGML_TYPE_Q4_1, sys::GGML_TYPE_Q8_0, sys::GGML_TYPE_Q4_K, sys::GGML_TYPE_F16];

/// Loads the module and multiplies small matrices of several types with one and with many columns.
///
/// Meant for a child process: an instruction that the CPU lacks ends it.
///
/// # Errors
/// [`Error::LibraryLoad`] when the module does not load or computes something wrong.
pub fn probe_cpu_module(path: &Path) -> Result<()> {
    load_cpu_module(path)?;
    let failed = |reason: &str| Error::LibraryLoad { path: path.to_owned(), reason: reason.to_owned() };
    // SAFETY: a module is loaded, so the CPU device exists or is null, which is checked.
    let backend = unsafe {
        let device = sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU);
        if device.is_null() {
            return Err(failed("it registers no CPU device"));
        }
        sys::ggml_backend_dev_init(device, std::ptr::null())
    };
    if backend.is_null() {
        return Err(failed("its backend does not start"));
    }
    let wrong =
        TYPES.into_iter().find(|&kind| [1, TOKENS].into_iter().any(|tokens| !multiplies(backend, kind, tokens)));
    // SAFETY: made above, freed once; everything allocated on it is gone.
    unsafe { sys::ggml_backend_free(backend) };
    match wrong {
        None => Ok(()),
        Some(kind) => Err(failed(&format!("it multiplies tensors of type {kind} wrongly"))),
    }
}

/// Multiplies a matrix of ones by a matrix of ones; every element of the product must be the number of columns.
fn multiplies(backend: sys::ggml_backend_t, kind: sys::ggml_type, tokens: i64) -> bool {
    let ones = vec![1.0f32; (COLUMNS * ROWS.max(tokens)) as usize];
    let mut product = vec![0.0f32; (ROWS * tokens) as usize];
    // SAFETY: the context has room for the three tensors and one graph below; the sizes of what is copied in and out are
    // those of the tensors (`row_size` bytes per quantised row, four per float); everything is freed at the end.
    unsafe {
        let params = sys::ggml_init_params {
            mem_size: 8 * sys::ggml_tensor_overhead() + sys::ggml_graph_overhead(),
            mem_buffer: std::ptr::null_mut(),
            no_alloc: true,
        };
        let context = sys::ggml_init(params);
        if context.is_null() {
            return false;
        }
        let weights = sys::ggml_new_tensor_2d(context, kind, COLUMNS, ROWS);
        let input = sys::ggml_new_tensor_2d(context, sys::GGML_TYPE_F32, COLUMNS, tokens);
        let output = sys::ggml_mul_mat(context, weights, input);
        let graph = sys::ggml_new_graph(context);
        sys::ggml_build_forward_expand(graph, output);
        let buffer = sys::ggml_backend_alloc_ctx_tensors(context, backend);
        let mut computed = false;
        if !buffer.is_null() {
            let bytes = sys::ggml_nbytes(weights);
            let mut packed = vec![0u8; bytes];
            sys::ggml_quantize_chunk(
                kind,
                ones.as_ptr(),
                packed.as_mut_ptr().cast(),
                0,
                ROWS,
                COLUMNS,
                std::ptr::null(),
            );
            sys::ggml_backend_tensor_set(weights, packed.as_ptr().cast(), 0, bytes);
            sys::ggml_backend_tensor_set(input, ones.as_ptr().cast(), 0, sys::ggml_nbytes(input));
            computed = sys::ggml_backend_graph_compute(backend, graph) == sys::GGML_STATUS_SUCCESS;
            sys::ggml_backend_tensor_get(output, product.as_mut_ptr().cast(), 0, sys::ggml_nbytes(output));
            sys::ggml_backend_buffer_free(buffer);
        }
        sys::ggml_free(context);
        computed && product.iter().all(|&value| (value - COLUMNS as f32).abs() < 0.05 * COLUMNS as f32)
    }
}
