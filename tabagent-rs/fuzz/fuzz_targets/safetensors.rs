#![no_main]

use libfuzzer_sys::fuzz_target;
use model_loader::SafetensorsHeader;

fuzz_target!(|file: &[u8]| {
    // Any answer will do, as long as there is one.
    let _ = SafetensorsHeader::parse(file, file.len() as u64);
});
