#![no_main]

use libfuzzer_sys::fuzz_target;
use model_loader::PickledWeights;
use std::io::Cursor;

fuzz_target!(|file: &[u8]| {
    // Any answer will do, as long as there is one.
    let _ = PickledWeights::parse(Cursor::new(file), file.len() as u64);
});
