//! From a path to configuration, weights and vocabulary.

use super::shown;
use crate::config::{DecoderConfig, Unusable};
use crate::decoder::Decoder;
use crate::device::DtypeChoice;
use crate::rope::Rope;
use crate::tokenizer::{Conventions, TextTokens, from_gguf};
use crate::weights::{GgufWeights, SafetensorsWeights};
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device};
use generation::{Error, Result};
use model_loader::gguf::GgufHeader;
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a model consists of, its weights not read yet.
pub(super) struct Parts {
    pub(super) config: DecoderConfig,
    pub(super) weights: Weights,
    pub(super) tokens: TextTokens,
}

enum Source {
    Gguf(GgufWeights),
    Safetensors(SafetensorsWeights),
}

/// Weights to be read.
pub(super) struct Weights {
    source: Source,
    dtype: DType,
    bytes: u64,
    memory: u64,
    ended: Arc<AtomicBool>,
}

impl Weights {
    /// Numbers to compute in.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes in the files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Whether the caller ended the load.
    pub(super) fn was_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Reads them.
    pub(super) fn decoder(
        &mut self,
        config: DecoderConfig,
        context_length: usize,
        device: &Device,
    ) -> candle_core::Result<Decoder> {
        match &mut self.source {
            Source::Gguf(source) => {
                let divisors = source.rope_divisors(config.head_width / 2)?;
                let rope = Rope::new(&config, divisors, context_length, self.dtype, device)?;
                Decoder::load(config, source, rope, self.dtype, device)
            }
            Source::Safetensors(source) => {
                let rope = Rope::new(&config, None, context_length, self.dtype, device)?;
                Decoder::load(config, source, rope, self.dtype, device)
            }
        }
    }
}

/// Opens the model at `path`. `progress` is called while its weights are read.
pub(super) fn open(
    path: &Path,
    dtype: DtypeChoice,
    device: &Device,
    progress: impl FnMut(f32) -> bool + 'static,
) -> Result<Parts> {
    if !path.exists() {
        return Err(model_loader::Error::NotFound { path: path.to_owned() }.into());
    }
    let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
    if path.is_dir() || is("safetensors") || is("json") {
        open_safetensors(path, dtype, device, progress)
    } else {
        open_gguf(path, device, progress)
    }
}

fn open_gguf(path: &Path, device: &Device, progress: impl FnMut(f32) -> bool + 'static) -> Result<Parts> {
    let failed = |error: &dyn std::fmt::Display| Error::LoadFailed { path: path.to_owned(), reason: error.to_string() };
    // candle trusts the file; this does not, and is asked first.
    let header = GgufHeader::read(path)?;
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let content = Content::read(&mut BufReader::new(&mut file)).map_err(|error| failed(&super::plain(&error)))?;
    let config = DecoderConfig::from_gguf(&content).map_err(|why| unusable(path, why))?;
    let no_tokenizer = |reason| Error::NoTokenizer { path: path.to_owned(), reason };
    let (json, conventions) = from_gguf(&content).map_err(no_tokenizer)?;
    let tokens = TextTokens::new(json, conventions, config.vocab_size).map_err(no_tokenizer)?;
    let ended = Arc::new(AtomicBool::new(false));
    let report = reporter(header.file_size, Arc::clone(&ended), progress);
    let reordered = matches!(config.architecture.as_str(), "llama" | "mistral").then_some(config.head_width);
    let source = Source::Gguf(GgufWeights::new(file, content, device, reordered, report));
    let bytes = header.file_size;
    Ok(Parts { config, weights: Weights { source, dtype: DType::F32, bytes, memory: bytes, ended }, tokens })
}

fn open_safetensors(
    path: &Path,
    dtype: DtypeChoice,
    device: &Device,
    progress: impl FnMut(f32) -> bool + 'static,
) -> Result<Parts> {
    let files = SafetensorsWeights::files(path)?;
    let folder: PathBuf =
        if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(Path::new("")).to_owned() };
    let config_path = folder.join("config.json");
    let json = read_json(&config_path)?.ok_or_else(|| Error::LoadFailed {
        path: path.to_owned(),
        reason: format!("there is no config.json in {}; download the model whole", shown(&folder)),
    })?;
    let config = DecoderConfig::from_json(&json).map_err(|why| unusable(path, why))?;
    let tokens = folder_tokens(&folder, &json, config.vocab_size)?;
    let ended = Arc::new(AtomicBool::new(false));
    let total = files.iter().filter_map(|file| file.metadata().ok()).map(|facts| facts.len()).sum();
    let report = reporter(total, Arc::clone(&ended), progress);
    let mut source = SafetensorsWeights::open(&files, device, report)?;
    let dtype = dtype.resolve(source.stored_dtype(), device);
    source.set_dtype(dtype);
    let (bytes, memory) = (source.bytes(), source.elements() * dtype.size_in_bytes() as u64);
    Ok(Parts { config, weights: Weights { source: Source::Safetensors(source), dtype, bytes, memory, ended }, tokens })
}

fn folder_tokens(folder: &Path, config: &Value, size: usize) -> Result<TextTokens> {
    let path = folder.join("tokenizer.json");
    let no_tokenizer = |reason: String| Error::NoTokenizer { path: path.clone(), reason };
    let missing = || no_tokenizer(format!("there is no tokenizer.json in {}; download the model whole", shown(folder)));
    let json = read_json(&path)?.ok_or_else(missing)?;
    let optional = |name: &str| Ok::<_, Error>(read_json(&folder.join(name))?.unwrap_or(Value::Null));
    let (conventions, generation) = (optional("tokenizer_config.json")?, optional("generation_config.json")?);
    let text = |name: &str| {
        let value = &conventions[name];
        value.as_str().or(value["content"].as_str()).map(str::to_owned)
    };
    let ends = [&generation["eos_token_id"], &config["eos_token_id"]].into_iter().flat_map(ids).collect();
    let template_file = std::fs::read_to_string(folder.join("chat_template.jinja")).ok();
    let chat_template = template_file.or_else(|| chat_template(&conventions["chat_template"]));
    let conventions = Conventions { bos: text("bos_token"), eos: text("eos_token"), ends, chat_template };
    TextTokens::new(json, conventions, size).map_err(no_tokenizer)
}

/// One template, or the default of several.
fn chat_template(value: &Value) -> Option<String> {
    let default = || value.as_array()?.iter().find(|one| one["name"] == "default")?["template"].as_str();
    value.as_str().or_else(default).map(str::to_owned)
}

fn ids(value: &Value) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    value.as_array().map_or_else(|| one(value).into_iter().collect(), |ids| ids.iter().filter_map(one).collect())
}

/// `None` where there is no such file.
fn read_json(path: &Path) -> Result<Option<Value>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(model_loader::Error::Unreadable { path: path.to_owned(), reason: error.to_string() }.into());
        }
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| model_loader::Error::Corrupt { path: path.to_owned(), reason: error.to_string() }.into())
}

fn unusable(path: &Path, why: Unusable) -> Error {
    let path = path.to_owned();
    match why {
        Unusable::Architecture(architecture) => Error::UnknownArchitecture { path, architecture },
        Unusable::Because(reason) => Error::LoadFailed { path, reason },
    }
}

/// Adds up what is read, and remembers that the caller wanted an end.
fn reporter(
    total: u64,
    ended: Arc<AtomicBool>,
    mut progress: impl FnMut(f32) -> bool + 'static,
) -> Box<dyn FnMut(u64) -> bool> {
    let mut done = 0;
    Box::new(move |bytes| {
        done += bytes;
        let go_on = progress((done as f32 / total.max(1) as f32).min(1.0));
        ended.fetch_or(!go_on, Ordering::Relaxed);
        go_on
    })
}
