//! Hugging Face's layout: `model.safetensors`, or shards and an index.
//!
//! Tensors are read one by one instead of mapped: what is converted anyway needs no mapping, and a file that shrinks
//! while it is mapped would kill the process.

use super::{Kind, Part, Source};
use candle_core::quantized::QMatMul;
use candle_core::{DType, Device, Result, Tensor, bail};
use model_loader::{SafetensorsHeader, escapes};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const INDEX: &str = "model.safetensors.index.json";

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

struct Place {
    file: usize,
    begin: u64,
    entry: Entry,
}

/// The tensors of a model's safetensors files.
pub(crate) struct SafetensorsWeights {
    files: Vec<File>,
    places: BTreeMap<String, Place>,
    dtype: DType,
    device: Device,
    /// Told how many bytes each tensor took
    read: Box<dyn FnMut(u64) -> bool>,
}

impl SafetensorsWeights {
    /// The files of the model at `path`: a folder, an index, a shard, or a file that is all.
    pub(crate) fn files(path: &Path) -> model_loader::Result<Vec<PathBuf>> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let index = if name.ends_with(".index.json") { path.to_owned() } else { folder.join(INDEX) };
        let is_part = path.is_dir() || name.ends_with(".index.json") || name.contains("-of-");
        if is_part && index.is_file() {
            return shards(&index, folder);
        }
        Ok(vec![if path.is_dir() { folder.join("model.safetensors") } else { path.to_owned() }])
    }

    /// Opens files that [`SafetensorsHeader`] has found whole.
    pub(crate) fn open(
        paths: &[PathBuf],
        device: &Device,
        read: Box<dyn FnMut(u64) -> bool>,
    ) -> model_loader::Result<Self> {
        let mut places = BTreeMap::new();
        let mut files = Vec::new();
        for path in paths {
            SafetensorsHeader::read(path)?;
            let failed = |reason: String| model_loader::Error::Unreadable { path: path.clone(), reason };
            let mut file = File::open(path).map_err(|error| failed(error.to_string()))?;
            let mut length = [0; 8];
            file.read_exact(&mut length).map_err(|error| failed(error.to_string()))?;
            let length = u64::from_le_bytes(length);
            let mut header = vec![0; length as usize];
            file.read_exact(&mut header).map_err(|error| failed(error.to_string()))?;
            let mut entries: BTreeMap<String, serde_json::Value> =
                serde_json::from_slice(&header).map_err(|error| failed(error.to_string()))?;
            entries.remove("__metadata__");
            for (name, entry) in entries {
                let entry: Entry = serde_json::from_value(entry).map_err(|error| failed(error.to_string()))?;
                places.insert(name, Place { file: files.len(), begin: 8 + length + entry.data_offsets.0, entry });
            }
            files.push(file);
        }
        Ok(Self { files, places, dtype: DType::F32, device: device.clone(), read })
    }

    /// The type that most of the model is stored in.
    pub(crate) fn stored_dtype(&self) -> DType {
        let name = name(Part::Embedding, Kind::Weight);
        self.places.get(&name).and_then(|place| dtype(&place.entry.dtype)).unwrap_or(DType::F32)
    }

    /// Has tensors turned into this type from now on.
    pub(crate) fn set_dtype(&mut self, dtype: DType) {
        self.dtype = dtype;
    }

    /// Numbers in all tensors.
    pub(crate) fn elements(&self) -> u64 {
        self.places.values().map(|place| place.entry.shape.iter().product::<usize>() as u64).sum()
    }

    /// Bytes of all tensors.
    pub(crate) fn bytes(&self) -> u64 {
        self.places.values().map(|place| place.entry.data_offsets.1 - place.entry.data_offsets.0).sum()
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let Some(place) = self.places.get(name) else { bail!("it has no tensor {name}") };
        let entry = &place.entry;
        if entry.shape != shape {
            bail!("{name} has the shape {:?}, and the configuration says {shape:?}", entry.shape);
        }
        let Some(stored) = dtype(&entry.dtype) else { bail!("{name} has numbers of the type {}", entry.dtype) };
        let mut bytes = vec![0; (entry.data_offsets.1 - entry.data_offsets.0) as usize];
        let file = &mut self.files[place.file];
        file.seek(SeekFrom::Start(place.begin))?;
        file.read_exact(&mut bytes)?;
        if !(self.read)(bytes.len() as u64) {
            bail!("the load was ended");
        }
        Tensor::from_raw_buffer(&bytes, stored, shape, &Device::Cpu)?.to_dtype(self.dtype)?.to_device(&self.device)
    }
}

impl Source for SafetensorsWeights {
    fn has(&self, part: Part, kind: Kind) -> bool {
        self.places.contains_key(&name(part, kind))
    }

    fn matrix(&mut self, part: Part, rows: usize, columns: usize) -> Result<QMatMul> {
        self.tensor(&name(part, Kind::Weight), &[rows, columns]).map(QMatMul::Tensor)
    }

    fn vector(&mut self, part: Part, kind: Kind, length: usize) -> Result<Tensor> {
        self.tensor(&name(part, kind), &[length])
    }
}

fn shards(index: &Path, folder: &Path) -> model_loader::Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let corrupt = |reason: String| model_loader::Error::Corrupt { path: index.to_owned(), reason };
    let text = std::fs::read(index)
        .map_err(|error| model_loader::Error::Unreadable { path: index.to_owned(), reason: error.to_string() })?;
    let read: Index = serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
    let names: BTreeSet<String> = read.weight_map.into_values().collect();
    if let Some(name) = names.iter().find(|name| escapes(name).is_some()) {
        return Err(corrupt(format!("it names {name:?}, which is not in its folder")));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

fn dtype(name: &str) -> Option<DType> {
    match name {
        "F32" => Some(DType::F32),
        "F16" => Some(DType::F16),
        "BF16" => Some(DType::BF16),
        "F64" => Some(DType::F64),
        _ => None,
    }
}

fn name(part: Part, kind: Kind) -> String {
    let kind = kind.name();
    let in_layer = |layer: usize, what: &str| format!("model.layers.{layer}.{what}.{kind}");
    match part {
        Part::Embedding => format!("model.embed_tokens.{kind}"),
        Part::OutputNorm => format!("model.norm.{kind}"),
        Part::Output => format!("lm_head.{kind}"),
        Part::AttentionNorm(layer) => in_layer(layer, "input_layernorm"),
        Part::Query(layer) => in_layer(layer, "self_attn.q_proj"),
        Part::Key(layer) => in_layer(layer, "self_attn.k_proj"),
        Part::Value(layer) => in_layer(layer, "self_attn.v_proj"),
        Part::AttentionOutput(layer) => in_layer(layer, "self_attn.o_proj"),
        Part::FeedForwardNorm(layer) => in_layer(layer, "post_attention_layernorm"),
        Part::Gate(layer) => in_layer(layer, "mlp.gate_proj"),
        Part::Up(layer) => in_layer(layer, "mlp.up_proj"),
        Part::Down(layer) => in_layer(layer, "mlp.down_proj"),
    }
}
