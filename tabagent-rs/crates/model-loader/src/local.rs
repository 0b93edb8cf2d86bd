//! Models on this machine's disk.

use crate::Inquiry;
use crate::config::{self, ModelConfig};
use crate::detection::{Detection, PICKLED, conversion};
use crate::error::{Error, Result};
use crate::gguf::{self, GgufFile, GgufHeader, TensorInfo};
use crate::memory;
use crate::model_type::ModelType;
use crate::onnx::OnnxModel;
use crate::package::{self, Entry, Package};
use crate::pytorch::PickledWeights;
use crate::safetensors::SafetensorsHeader;
use crate::{bitnet, file, hub, pytorch, task};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;
const DEEPEST_FOLDER: usize = 3;
/// Sequences that a loaded GGUF model serves at once, for which memory is planned.
const SEQUENCES: u32 = 4;
/// A longer context is taken only when it is asked for: its KV cache is allocated at once.
const LARGEST_DEFAULT_CONTEXT: u32 = 8192;
const LARGEST_DEFAULT_TEXT: u32 = 2048;

/// Looks at a file or folder.
///
/// # Errors
/// It is not there, cannot be read, is damaged, or is refused.
pub fn detect(path: &Path, inquiry: Inquiry) -> Result<Detection> {
    let context_length = inquiry.context_length;
    let (root, package) = if file::look(path)?.is_dir() { (path.to_owned(), of_folder(path)?) } else { of_file(path)? };
    let mut found = Detection {
        source: path.to_string_lossy().into_owned(),
        path: Some(root.join(&package.entry)),
        model_type: Some(package.model_type),
        files: package.files.clone(),
        ..Detection::default()
    };
    let entry = root.join(&package.entry);
    match package.model_type {
        ModelType::Gguf | ModelType::BitNet => look_at_gguf(&mut found, &root, &package, context_length)?,
        ModelType::Safetensors => look_at_safetensors(&mut found, &root, &package, context_length)?,
        ModelType::Onnx | ModelType::OnnxGenai => look_at_onnx(&mut found, &root, &package)?,
        ModelType::PyTorch => {
            if inquiry.allow_pickle {
                look_at_pickled(&mut found, &root, &package)?;
            } else {
                found.hinder("format_refused", PICKLED);
            }
            read_config(&mut found, &entry, context_length);
        }
        ModelType::Tflite | ModelType::Task => found.task = task::of_mediapipe(&package.entry).map(str::to_owned),
        ModelType::LitertLm => found.task = Some(task::TEXT_GENERATION.to_owned()),
        ModelType::TensorFlow | ModelType::Unknown => {}
    }
    if !package.missing.is_empty() {
        found.hinder("model_corrupt", format!("Files are missing: {}.", package.missing.join(", ")));
    }
    refuse_code(&mut found, &root);
    found.conversion = conversion(found.model_type(), &package.entry);
    Ok(found)
}

fn of_folder(folder: &Path) -> Result<Package> {
    let mut entries = Vec::new();
    list(folder, folder, 0, &mut entries)?;
    let mut package = package::find(&entries, None).map_err(|reason| Error::WrongFormat {
        path: folder.to_owned(),
        format: "model",
        reason,
    })?;
    keep_certain_projector(&mut package, &entries);
    Ok(package)
}

/// A model found in a folder, by names alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file that an engine opens, or whose folder it opens
    pub path: PathBuf,
    /// The kind of its files
    pub model_type: ModelType,
    /// The quantisation in its name
    pub quantisation: Option<String>,
    /// All its files, from the folder
    pub files: Vec<PathBuf>,
}

/// The whole models in a folder and the folders in it, by names alone. What cannot be read holds none.
pub fn find_models(folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    search(folder, 0, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// `organisation/name/onnx`, and one more.
const DEEPEST_SEARCH: usize = 4;

fn search(folder: &Path, depth: usize, found: &mut Vec<Found>) {
    let mut entries = Vec::new();
    if list(folder, folder, DEEPEST_FOLDER, &mut entries).is_err() {
        return;
    }
    found.extend(package::find_all(&entries).into_iter().map(|package| Found {
        path: folder.join(&package.entry),
        model_type: package.model_type,
        quantisation: hub::quantisation(&package.entry),
        files: package.files.iter().map(|file| folder.join(&file.path)).collect(),
    }));
    let Ok(items) = std::fs::read_dir(folder) else { return };
    for path in items.flatten().map(|item| item.path()) {
        if depth < DEEPEST_SEARCH && path.is_dir() && found.len() < MOST_ENTRIES {
            search(&path, depth + 1, found);
        }
    }
}

/// A file with what belongs to it. Its folder may hold other models too.
fn of_file(path: &Path) -> Result<(PathBuf, Package)> {
    let model_type = ModelType::of_file(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut entries = Vec::new();
    list(folder, folder, DEEPEST_FOLDER, &mut entries)?;
    // The graph of a folder for onnxruntime-genai runs with what is beside it.
    let whole = package::find(&entries, None).ok();
    let genai = whole.filter(|package| package.model_type == ModelType::OnnxGenai && package.holds(&name));
    let mut package = match genai.or_else(|| package::find(&entries, Some(&name)).ok()) {
        Some(package) if package.model_type == ModelType::OnnxGenai => package,
        Some(package) if package.entry == name && package.model_type == model_type => package,
        _ => {
            let size = file::look(path)?.len();
            let entry = Entry { path: name.clone(), size: Some(size), ..Entry::default() };
            Package { model_type, entry: name, files: vec![entry], projector: None, missing: Vec::new() }
        }
    };
    keep_certain_projector(&mut package, &entries);
    Ok((folder.to_owned(), package))
}

/// In a folder with several models, nobody can say whose the projector is.
fn keep_certain_projector(package: &mut Package, entries: &[Entry]) {
    let models = |entry: &&Entry| {
        let parts = package.files.iter().any(|file| file.path == entry.path);
        ModelType::by_name(&entry.path) == ModelType::Gguf && !parts
    };
    if package.projector.is_some()
        && entries.iter().filter(models).any(|entry| !entry.path.to_ascii_lowercase().contains("mmproj"))
    {
        let projector = package.projector.take();
        package.files.retain(|file| Some(&file.path) != projector.as_ref());
    }
}

fn list(root: &Path, folder: &Path, depth: usize, entries: &mut Vec<Entry>) -> Result<()> {
    let unreadable = |error: std::io::Error| Error::Unreadable { path: folder.to_owned(), reason: error.to_string() };
    for item in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        // Links are followed, as the hub's cache consists of them; what leads nowhere is no file.
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let (Ok(relative), true) = (path.strip_prefix(root), entries.len() < MOST_ENTRIES) else { continue };
        if metadata.is_dir() && depth < DEEPEST_FOLDER {
            list(root, &path, depth + 1, entries)?;
        } else if let (true, Some(name)) = (metadata.is_file(), relative.to_str()) {
            let path = name.replace(std::path::MAIN_SEPARATOR, "/");
            entries.push(Entry { path, size: Some(metadata.len()), ..Entry::default() });
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------- formats

fn look_at_gguf(found: &mut Detection, root: &Path, package: &Package, context_length: Option<u32>) -> Result<()> {
    let GgufFile { mut header, mut tensors, .. } = GgufFile::read(&root.join(&package.entry))?;
    let is_projector = |path: &str| Some(path) == package.projector.as_deref();
    for part in package.files.iter().skip(1).filter(|part| !is_projector(&part.path)) {
        let rest = GgufFile::read(&root.join(&part.path))?;
        header.parameters = header.parameters.saturating_add(rest.header.parameters);
        header.file_size = header.file_size.saturating_add(rest.header.file_size);
        tensors.extend(rest.tensors);
    }
    describe_gguf(found, &header, package.projector.is_some(), context_length);
    bitnet::hinder(found, &header, &tensors);
    let is_unknown = |tensor: &&TensorInfo| tensor.fork_name().is_none() && gguf::tensor_type(tensor.kind).is_none();
    if let Some(tensor) = tensors.iter().find(is_unknown) {
        let kind = tensor.kind;
        found
            .hinder("unsupported_format", format!("It uses the tensor type {kind}, which this version does not know."));
    }
    Ok(())
}

fn describe_gguf(found: &mut Detection, header: &GgufHeader, has_projector: bool, context_length: Option<u32>) {
    let known = |number: u64| Some(number).filter(|&number| number > 0);
    found.architecture = Some(header.architecture.clone());
    found.task = task::of_gguf(header, has_projector).map(str::to_owned);
    found.quantisation = header.quantisation.map(str::to_owned);
    found.parameters = known(header.parameters);
    found.context_length = known(header.context_length);
    found.chat_template = header.has_chat_template;
    found.license.clone_from(&header.license);
    let trained = u32::try_from(header.context_length).ok().filter(|&trained| trained > 0).unwrap_or(u32::MAX);
    let context = context_length.unwrap_or_else(|| default_context_length(header)).min(trained);
    found.planned_context_length = Some(context.into());
    found.memory = Some(memory::estimate(header, context, SEQUENCES));
    if header.is_bitnet_fork() || header.architecture.starts_with("bitnet") {
        found.model_type = Some(ModelType::BitNet);
    }
    if found.task.is_none() {
        found.hinder("unsupported_format", "It is a companion of another model and does not run alone.");
    }
}

/// Context length where nobody names one: what the model was trained for, 8192 tokens at most, 2048 where they become one
/// vector.
pub fn default_context_length(header: &GgufHeader) -> u32 {
    let most = if task::is_pooled(header) { LARGEST_DEFAULT_TEXT } else { LARGEST_DEFAULT_CONTEXT };
    match u32::try_from(header.context_length) {
        Ok(trained @ 1..) => trained.min(most),
        _ => most,
    }
}

fn look_at_safetensors(
    found: &mut Detection,
    root: &Path,
    package: &Package,
    context_length: Option<u32>,
) -> Result<()> {
    let mut types = BTreeMap::<String, u64>::new();
    let (mut parameters, mut is_packed_ternary) = (0u64, false);
    let is_weights = |file: &&Entry| ModelType::by_name(&file.path) == ModelType::Safetensors;
    for shard in package.files.iter().filter(is_weights) {
        let header = SafetensorsHeader::read(&root.join(&shard.path))?;
        parameters = parameters.saturating_add(header.parameters);
        is_packed_ternary |= header.is_packed_ternary;
        for (name, count) in header.types {
            *types.entry(name).or_insert(0) += count;
        }
    }
    found.parameters = Some(parameters);
    found.quantisation = types.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name);
    read_config(found, &root.join(&package.entry), context_length);
    if is_packed_ternary {
        found.quantisation = Some("1.58-bit".into());
        found
            .hinder("unsupported_format", "Its weights are ternary, packed four to a byte; take its GGUF file (I2_S).");
    }
    Ok(())
}

fn look_at_pickled(found: &mut Detection, root: &Path, package: &Package) -> Result<()> {
    let mut types = BTreeMap::<&str, u64>::new();
    for part in pickled_parts(root, package) {
        for tensor in PickledWeights::read(&part)?.tensors {
            *types.entry(tensor.dtype).or_insert(0) += tensor.elements();
        }
    }
    found.parameters = Some(types.values().sum());
    found.quantisation = types.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned());
    Ok(())
}

fn pickled_parts(root: &Path, package: &Package) -> Vec<PathBuf> {
    let is_part = |file: &&Entry| file.path == package.entry || ModelType::by_name(&file.path) == ModelType::PyTorch;
    package.files.iter().filter(is_part).map(|file| root.join(&file.path)).collect()
}

/// Writes the pickled weights at `path`, all parts of them, as a safetensors file at `target`.
///
/// # Errors
/// They cannot be read, would do more than describe tensors, or `target` cannot be written.
pub fn rewrite_pickled(path: &Path, target: &Path) -> Result<()> {
    let (root, package) = of_file(path)?;
    pytorch::rewrite(&pickled_parts(&root, &package), target)
}

fn look_at_onnx(found: &mut Detection, root: &Path, package: &Package) -> Result<()> {
    let is_graph = |file: &&Entry| ModelType::by_name(&file.path) == ModelType::Onnx;
    let (mut parameters, mut graph_task, mut largest) = (0u64, None, (0, 0));
    for graph in package.files.iter().filter(is_graph) {
        let model = OnnxModel::read(&root.join(&graph.path))?;
        parameters = parameters.saturating_add(model.parameters);
        graph_task = graph_task.or_else(|| task::of_graph(&model.inputs, &model.outputs));
        let most = model.types.iter().map(|(kind, count)| (*count, *kind)).max().unwrap_or_default();
        largest = largest.max(most);
    }
    found.parameters = Some(parameters);
    found.quantisation = onnx_type(largest.1).map(str::to_owned);
    read_config(found, &root.join(&package.entry), None);
    if package.model_type == ModelType::OnnxGenai {
        found.task = Some(task::TEXT_GENERATION.to_owned());
        read_genai(found, &root.join(&package.entry));
    } else {
        // A graph shows that it classifies, not what for; and one of several does a part of what they are for.
        let is_part = package.files.iter().filter(is_graph).count() > 1;
        let vague = (is_part || graph_task == Some(task::TEXT_CLASSIFICATION)) && found.task.is_some();
        found.task = graph_task.filter(|_| !vague).map(str::to_owned).or(found.task.take());
    }
    Ok(())
}

/// `TensorProto.DataType`.
fn onnx_type(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "F32",
        2 | 3 => "INT8",
        10 => "F16",
        16 => "BF16",
        21 | 22 => "INT4",
        _ => return None,
    })
}

fn read_genai(found: &mut Detection, path: &Path) {
    let text = file::small_text(path, config::LARGEST).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let model = &config["model"];
    found.architecture = model["type"].as_str().map(str::to_owned).or(found.architecture.take());
    found.context_length = model["context_length"].as_u64().or(found.context_length);
}

// ------------------------------------------------------------------------------------------ neighbours

/// Reads the configuration beside `entry`, and beside its folder where that is one of ONNX graphs.
fn read_config(found: &mut Detection, entry: &Path, context_length: Option<u32>) {
    let folders: Vec<&Path> = entry.ancestors().skip(1).take(2).collect();
    let read = |name: &str| folders.iter().find_map(|folder| file::small_text(&folder.join(name), config::LARGEST));
    let config = read("config.json").map_or_else(ModelConfig::default, |text| ModelConfig::parse(&text));
    found.architecture = config.architecture.clone().or(found.architecture.take());
    found.task = config.task().map(str::to_owned).or(found.task.take());
    found.context_length = config.context_length.or(found.context_length);
    found.quantisation = config.quantisation.clone().or(found.quantisation.take());
    if read("modules.json").is_some() && found.task.as_deref() != Some(task::TEXT_RANKING) {
        found.task = Some(task::FEATURE_EXTRACTION.to_owned());
    }
    found.chat_template = read("chat_template.jinja").is_some()
        || read("tokenizer_config.json").is_some_and(|text| text.contains("\"chat_template\""));
    found.license = found.license.take().or_else(|| read("README.md").and_then(|text| license_of(&text)));
    let asked = context_length.map(|asked| u64::from(asked).min(config.context_length.unwrap_or(u64::MAX)));
    let context = asked.or(config.context_length.map(|trained| trained.min(LARGEST_DEFAULT_CONTEXT.into())));
    if let (Some(context), Some(weights)) = (context, found.size()) {
        found.planned_context_length = Some(context);
        found.memory = Some(memory::of_weights(weights, config.cache, context));
    }
}

/// `license:` of a model card's front matter.
fn license_of(card: &str) -> Option<String> {
    let front = card.strip_prefix("---")?.split("\n---").next()?;
    let line = front.lines().find_map(|line| line.strip_prefix("license:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|license| !license.is_empty())
}

/// Notes when any configuration asks for Python code of the repository to be run.
fn refuse_code(found: &mut Detection, root: &Path) {
    let is_json = |entry: &&Entry| entry.path.ends_with(".json");
    let wants_code = |entry: &Entry| {
        file::small_text(&root.join(&entry.path), config::LARGEST).is_some_and(|text| config::text_has_auto_map(&text))
    };
    if found.files.iter().filter(is_json).any(wants_code) {
        found.hinder("remote_code_refused", "Its configuration wants code of the repository run (auto_map).");
    }
}
