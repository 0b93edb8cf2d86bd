#![no_main]

use libfuzzer_sys::fuzz_target;
use model_loader::gguf::GgufFile;
use std::io::Cursor;

fuzz_target!(|file: &[u8]| {
    // Any answer will do, as long as there is one.
    let _ = GgufFile::parse(Cursor::new(file), file.len() as u64);
});
