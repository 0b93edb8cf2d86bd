//! Files built byte by byte: good ones, and every way we know to lie in a header.

use super::*;
use crate::error::Error;
use std::fs::File;
use std::io::Write;

/// Writes GGUF files.
struct Builder {
    values: Vec<u8>,
    value_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data: usize,
}

impl Builder {
    fn new() -> Self {
        Self { values: Vec::new(), value_count: 0, tensors: Vec::new(), tensor_count: 0, data: 0 }
            .text("general.architecture", "llama")
    }

    fn empty() -> Self {
        Self { values: Vec::new(), value_count: 0, tensors: Vec::new(), tensor_count: 0, data: 0 }
    }

    fn value(mut self, key: &str, kind: u32, bytes: &[u8]) -> Self {
        string(&mut self.values, key);
        self.values.extend(kind.to_le_bytes());
        self.values.extend(bytes);
        self.value_count += 1;
        self
    }

    fn text(self, key: &str, text: &str) -> Self {
        let mut bytes = Vec::new();
        string(&mut bytes, text);
        self.value(key, 8, &bytes)
    }

    fn number(self, key: &str, number: u32) -> Self {
        self.value(key, 4, &number.to_le_bytes())
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64, data: usize) -> Self {
        string(&mut self.tensors, name);
        self.tensors.extend((shape.len() as u32).to_le_bytes());
        for extent in shape {
            self.tensors.extend(extent.to_le_bytes());
        }
        self.tensors.extend(kind.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self.data += data;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(self.tensor_count.to_le_bytes());
        file.extend(self.value_count.to_le_bytes());
        file.extend(&self.values);
        file.extend(&self.tensors);
        file.resize(file.len().next_multiple_of(32) + self.data, 0);
        file
    }
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A file of its own for each call, gone when the test ends.
struct Temporary(std::path::PathBuf);

impl Temporary {
    fn new(bytes: &[u8]) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gguf-header-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("a writable temporary directory");
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("made by us");
    }
}

fn read(bytes: &[u8]) -> Result<GgufHeader> {
    GgufHeader::read(&Temporary::new(bytes).0)
}

fn corrupt(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(Error::Corrupt { reason, .. }) => reason,
        other => panic!("not corrupt but {other:?}"),
    }
}

fn not_gguf(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(Error::WrongFormat { reason, .. }) => reason,
        other => panic!("not refused but {other:?}"),
    }
}

fn small_model() -> Builder {
    Builder::new()
        .text("general.name", "small")
        .number("general.file_type", 15)
        .number("llama.context_length", 8192)
        .number("llama.embedding_length", 576)
        .number("llama.block_count", 30)
        .number("llama.attention.head_count", 9)
        .number("llama.attention.head_count_kv", 3)
        .text("tokenizer.chat_template", "{{ messages }}")
        .tensor("a", &[64, 2], 0, 0, 512)
        .tensor("b", &[32], 3, 512, 20)
}

#[test]
fn a_model_is_described() {
    let bytes = small_model().bytes();
    let header = read(&bytes).expect("good");
    assert_eq!(header.architecture, "llama");
    assert_eq!(header.name.as_deref(), Some("small"));
    assert_eq!((header.context_length, header.embedding_length, header.block_count), (8192, 576, 30));
    assert_eq!((header.head_count, header.head_count_kv, header.head_count_kv_total), (9, 3, 90));
    assert_eq!((header.key_length, header.value_length), (64, 64));
    assert_eq!(header.quantisation, Some("Q4_K_M"));
    assert_eq!(header.file_size, bytes.len() as u64);
    assert!(header.chat_template_hash.is_some());
}

#[test]
fn heads_may_differ_by_layer() {
    let mut array = 5u32.to_le_bytes().to_vec();
    array.extend(3u64.to_le_bytes());
    for heads in [4i32, 0, 8] {
        array.extend(heads.to_le_bytes());
    }
    let header = read(&Builder::new().value("llama.attention.head_count_kv", 9, &array).bytes()).expect("good");
    assert_eq!((header.head_count_kv, header.head_count_kv_total), (8, 12));
}

#[test]
fn hyperparameters_that_no_model_has_are_refused() {
    let with = |key: &str, number: u32| Builder::new().number(&format!("llama.{key}"), number);
    for blocks in [0, 513, u32::MAX] {
        assert!(corrupt(&with("block_count", blocks).bytes()).contains("layers"));
    }
    for (experts, used) in [(1, 0), (8, 9), (0, 1), (513, 2), (u32::MAX, u32::MAX)] {
        let file = with("expert_count", experts).number("llama.expert_used_count", used);
        assert!(corrupt(&file.bytes()).contains("experts"), "{used} of {experts}");
    }
    assert!(read(&with("expert_count", 8).number("llama.expert_used_count", 2).bytes()).is_ok());
    assert!(read(&with("expert_count", 0).bytes()).is_ok());
    assert!(corrupt(&with("pooling_type", 5).bytes()).contains("pooling"));
    let real = |key: &str, real: f32| Builder::new().value(key, 6, &real.to_le_bytes()).bytes();
    assert!(corrupt(&real("llama.rope.freq_base", f32::NAN)).contains("NaN"));
    assert!(corrupt(&real("llama.attention.layer_norm_rms_epsilon", -1.0)).contains("epsilon"));
    assert!(read(&real("llama.rope.freq_base", f32::INFINITY)).is_ok(), "an engine's question");
    assert!(read(&real("other.scale", f32::NAN)).is_ok());
}

#[test]
fn arrays_of_strings_are_counted_together() {
    let mut array = 8u32.to_le_bytes().to_vec();
    array.extend((1u64 << 22).to_le_bytes());
    array.resize(array.len() + (8 << 22), 0);
    let file = |count: usize| (0..count).fold(Builder::new(), |file, n| file.value(&n.to_string(), 9, &array)).bytes();
    assert!(read(&file(4)).is_ok());
    assert!(corrupt(&file(5)).contains("announces"));
}

#[test]
fn unknown_tensor_types_are_described() {
    assert!(read(&small_model().tensor("i2_s", &[128, 3], 36, 544, 140).bytes()).is_ok());
}

#[test]
fn every_cut_is_noticed() {
    let bytes = small_model().bytes();
    for length in 4..bytes.len() {
        corrupt(&bytes[..length]);
    }
}

#[test]
fn other_files_are_not_gguf() {
    assert!(not_gguf(b"").contains("empty"));
    assert!(not_gguf(b"GG").contains("GGUF"));
    assert!(not_gguf(b"<!DOCTYPE html>").contains("GGUF"));
    let mut bytes = small_model().bytes();
    bytes[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(not_gguf(&bytes).contains("big-endian"));
    bytes[4..8].copy_from_slice(&9u32.to_le_bytes());
    assert!(not_gguf(&bytes).contains("version is 9"));
}

#[test]
fn places_without_a_file() {
    assert!(matches!(GgufHeader::read(&std::env::temp_dir()), Err(Error::WrongFormat { .. })));
    let missing = std::env::temp_dir().join("no-such-model.gguf");
    assert_eq!(GgufHeader::read(&missing), Err(Error::NotFound { path: missing }));
}

#[test]
fn announced_lengths_are_not_believed() {
    let mut bytes = Builder::new().bytes();
    bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(corrupt(&bytes).contains("values"));
    let mut bytes = Builder::new().bytes();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(corrupt(&bytes).contains("tensors"));
    assert!(corrupt(&Builder::new().value("s", 8, &(u64::MAX / 2).to_le_bytes()).bytes()).contains("ends early"));
    for kind in [0u32, 6, 8] {
        let mut array = kind.to_le_bytes().to_vec();
        array.extend((1u64 << 62).to_le_bytes());
        assert!(corrupt(&Builder::new().value("a", 9, &array).bytes()).contains("announces"));
    }
}

#[test]
fn contradictions_are_named() {
    assert!(corrupt(&Builder::empty().number("x", 1).bytes()).contains("general.architecture"));
    assert!(corrupt(&Builder::new().number("x", 1).number("x", 2).bytes()).contains("twice"));
    assert!(corrupt(&Builder::new().value("x", 99, &[]).bytes()).contains("unknown type 99"));
    assert!(corrupt(&Builder::new().number("general.alignment", 3).bytes()).contains("alignment"));
    let tensor =
        |name: &str, shape: &[u64], offset| corrupt(&Builder::new().tensor(name, shape, 0, offset, 64).bytes());
    assert!(tensor("t", &[16], 1).contains("aligned"));
    assert!(tensor("t", &[16, 1, 1, 1, 1], 0).contains("5 dimensions"));
    assert!(tensor("t", &[1 << 40, 1 << 40], 0).contains("impossibly large"));
    assert!(tensor("t", &[1000], 0).contains("need"));
    assert!(tensor(&"t".repeat(64), &[16], 0).contains("tensor name"));
    let twice = Builder::new().tensor("t", &[8], 0, 0, 32).tensor("t", &[8], 0, 32, 32);
    assert!(corrupt(&twice.bytes()).contains("twice"));
}
