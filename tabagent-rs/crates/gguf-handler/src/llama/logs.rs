//! What llama.cpp says: the last lines in memory for error messages, warnings and errors to stderr, nothing to stdout.

use llama_cpp_sys_2 as sys;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

const KEPT_LINES: usize = 200;
const LINE_BYTES: usize = 500;

thread_local! {
    static COMPLAINTS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// While set, warnings and errors of this thread do not go to stderr: llama.cpp complains of every decode that we
/// interrupt ourselves.
pub(super) fn expect_complaints(expected: bool) {
    COMPLAINTS_EXPECTED.set(expected);
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<String>,
    /// Lines ever written; `lines` holds the last of them.
    written: u64,
    unfinished: String,
    level: sys::ggml_log_level,
}

static RING: Mutex<Ring> =
    Mutex::new(Ring { lines: VecDeque::new(), written: 0, unfinished: String::new(), level: sys::GGML_LOG_LEVEL_INFO });

fn ring() -> MutexGuard<'static, Ring> {
    RING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over llama.cpp's log, once per process.
pub(super) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the callback is a static function that accepts any user data, and we pass none.
        unsafe { sys::llama_log_set(Some(receive), std::ptr::null_mut()) }
    });
}

/// A place in the log to read from later.
pub(super) fn mark() -> u64 {
    ring().written
}

/// The last few lines since `mark` that say something, for an error message.
pub(super) fn since(mark: u64) -> Vec<String> {
    let ring = ring();
    let new = usize::try_from(ring.written - mark).unwrap_or(usize::MAX).min(ring.lines.len());
    ring.lines.iter().skip(ring.lines.len() - new).cloned().collect()
}

unsafe extern "C" fn receive(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated string that lives for this call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    ring().add(level, &text);
}

impl Ring {
    fn add(&mut self, level: sys::ggml_log_level, text: &str) {
        if level != sys::GGML_LOG_LEVEL_CONT {
            self.level = level;
        }
        for part in text.split_inclusive('\n') {
            self.unfinished.push_str(part);
            if part.ends_with('\n') || self.unfinished.len() > LINE_BYTES {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.unfinished);
        line.truncate(line.floor_char_boundary(LINE_BYTES));
        line.truncate(line.trim_end().len());
        if line.trim_matches(['.', ' ']).is_empty() {
            return;
        }
        if self.level >= sys::GGML_LOG_LEVEL_WARN && !COMPLAINTS_EXPECTED.get() {
            // A closed stderr is no reason to fail.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.written += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_bounded_and_counted() {
        let mut ring = Ring { level: sys::GGML_LOG_LEVEL_INFO, ..Ring::default() };
        ring.add(sys::GGML_LOG_LEVEL_INFO, "one ");
        ring.add(sys::GGML_LOG_LEVEL_CONT, "line\n....\n");
        ring.add(sys::GGML_LOG_LEVEL_INFO, &"x".repeat(2000));
        assert_eq!(ring.lines[0], "one line");
        assert_eq!(ring.lines[1].len(), LINE_BYTES);
        for _ in 0..3 * KEPT_LINES {
            ring.add(sys::GGML_LOG_LEVEL_INFO, "again\n");
        }
        assert_eq!(ring.lines.len(), KEPT_LINES);
        assert_eq!(ring.written, 2 + 3 * KEPT_LINES as u64);
    }
}
