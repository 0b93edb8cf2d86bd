//! A thread pool that lives as long as its context.
//!
//! Without one, ggml starts and ends its threads for every graph, that is for every token. Its functions live in the CPU
//! module, so they are found by name.

use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, c_void};

/// How long idle workers spin before they sleep, in ggml's steps of 131,072 rounds. One step (about 2 ms) outlasts the
/// sampling between two tokens; the default of 50 would burn a core for a tenth of a second after every answer.
const POLL: u32 = 1;

type New = unsafe extern "C" fn(*mut sys::ggml_threadpool_params) -> sys::ggml_threadpool_t;
type Free = unsafe extern "C" fn(sys::ggml_threadpool_t);

/// Owner of a ggml thread pool.
pub(super) struct ThreadPool {
    raw: sys::ggml_threadpool_t,
    free: Free,
}

impl ThreadPool {
    /// `None` where the loaded CPU module offers no pools.
    pub(super) fn new(threads: u32) -> Option<Self> {
        let new = cpu_function(c"ggml_threadpool_new")?;
        let free = cpu_function(c"ggml_threadpool_free")?;
        // SAFETY: the names and signatures are those of the pinned `ggml-cpu.h`; the pointers are not null.
        let (new, free) =
            unsafe { (std::mem::transmute::<*mut c_void, New>(new), std::mem::transmute::<*mut c_void, Free>(free)) };
        // SAFETY: plain data in, plain data out.
        let mut params = unsafe { sys::ggml_threadpool_params_default(i32::try_from(threads).ok()?) };
        params.poll = POLL;
        // SAFETY: `params` lives through the call, which copies it.
        let raw = unsafe { new(&mut params) };
        (!raw.is_null()).then_some(Self { raw, free })
    }

    pub(super) fn raw(&self) -> sys::ggml_threadpool_t {
        self.raw
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // SAFETY: `raw` came from the matching `new` and is freed once; its context is freed before it.
        unsafe { (self.free)(self.raw) }
    }
}

fn cpu_function(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: each call checks its argument for null; the registry lives as long as the process.
    let function = unsafe {
        let device = sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU);
        if device.is_null() {
            return None;
        }
        sys::ggml_backend_reg_get_proc_address(sys::ggml_backend_dev_backend_reg(device), name.as_ptr())
    };
    (!function.is_null()).then_some(function)
}
