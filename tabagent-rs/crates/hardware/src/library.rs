//! File names of llama.cpp's libraries on each operating system.

/// Operating systems whose file names we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux
    Linux,
    /// macOS
    MacOs,
    /// Windows
    Windows,
}

impl Os {
    /// The system this was compiled for; any other Unix names its files as Linux does.
    pub const fn current() -> Self {
        if cfg!(target_os = "windows") {
            Os::Windows
        } else if cfg!(target_os = "macos") {
            Os::MacOs
        } else {
            Os::Linux
        }
    }
}

/// File name of the CPU module of a variant. ggml builds modules as `.so` on macOS too (CMake `MODULE` libraries).
pub fn module_file_name(os: Os, variant: &str) -> String {
    match os {
        Os::Linux | Os::MacOs => format!("libggml-cpu-{variant}.so"),
        Os::Windows => format!("ggml-cpu-{variant}.dll"),
    }
}

/// File name of llama.cpp's main library.
pub const fn runtime_library_name(os: Os) -> &'static str {
    match os {
        Os::Linux => "libllama.so",
        Os::MacOs => "libllama.dylib",
        Os::Windows => "llama.dll",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names() {
        assert_eq!(module_file_name(Os::Linux, "zen4"), "libggml-cpu-zen4.so");
        assert_eq!(module_file_name(Os::MacOs, "apple_m1"), "libggml-cpu-apple_m1.so");
        assert_eq!(module_file_name(Os::Windows, "haswell"), "ggml-cpu-haswell.dll");
    }
}
