//! Models on this machine's disk.

use crate::Inquiry;
use crate::detection::{Detection, PICKLED, conversion};
use crate::error::{Error, Result};
use crate::gguf::{self, GgufFile, GgufHeader, TensorInfo};
use crate::memory;
use crate::model_type::ModelType;
use crate::neighbours::{config_beside, read_config, refuse_bombs, refuse_code, refuse_sizes, refuse_weights};
use crate::onnx::OnnxModel;
use crate::package::{self, Entry, Package};
use crate::pytorch::PickledWeights;
use crate::safetensors::SafetensorsHeader;
use crate::{bitnet, file, folder, genai, hub, pytorch, task};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tensors in all files of a model. Real models have up to 100,000.
const MOST_TENSORS: usize = 200_000;
/// Bytes of the headers of all files of a model. Real models have up to 50 MB.
const MOST_HEADER_BYTES: u64 = 256 << 20;
/// Sequences that a loaded GGUF model serves at once, for which memory is planned.
const SEQUENCES: u32 = 4;
/// A longer context is taken only when it is asked for: its KV cache is allocated at once.
pub(crate) const LARGEST_DEFAULT_CONTEXT: u32 = 8192;
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
    if matches!(
        package.model_type,
        ModelType::Safetensors | ModelType::PyTorch | ModelType::Onnx | ModelType::OnnxGenai
    ) {
        refuse_bombs(&mut found, &entry);
    }
    found.conversion = conversion(found.model_type(), &package.entry);
    Ok(found)
}

fn of_folder(folder: &Path) -> Result<Package> {
    let entries = folder::all_files(folder)?;
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

/// The whole models in a folder and the folders in it, by names alone, and the files with the extension of a model that
/// are left out because another system would read their names as paths. What cannot be read holds no models.
pub fn find_models(folder: &Path) -> (Vec<Found>, Vec<PathBuf>) {
    let mut found = Vec::new();
    let left_out = folder::visit(folder, |folder, entries| {
        found.extend(package::find_all(entries).into_iter().map(|package| Found {
            path: folder.join(&package.entry),
            model_type: package.model_type,
            quantisation: hub::quantisation(&package.entry),
            files: package.files.iter().map(|file| folder.join(&file.path)).collect(),
        }));
    });
    found.sort_by(|one, other| one.path.cmp(&other.path));
    (found, left_out)
}

/// A file with what belongs to it. Its folder may hold other models too.
fn of_file(path: &Path) -> Result<(PathBuf, Package)> {
    let model_type = ModelType::of_file(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = folder::files(folder)?;
    // The graph of a folder for onnxruntime-genai runs with what is beside it.
    let is_genai = entries.iter().any(|entry| entry.path == genai::NAME);
    let whole = is_genai.then(|| package::find(&entries, None).ok()).flatten();
    let genai = whole.filter(|package| package.model_type == ModelType::OnnxGenai && package.holds(&name));
    // A folder of a thousand models is looked at a thousand times to list them.
    let is_alone = genai.is_none() && package::stands_alone(&name, &entries);
    let found = genai.or_else(|| if is_alone { None } else { package::find(&entries, Some(&name)).ok() });
    let mut package = match found {
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
    if package.projector.is_some() && entries.iter().filter(models).any(|entry| !package::is_companion(&entry.path)) {
        let projector = package.projector.take();
        package.files.retain(|file| Some(&file.path) != projector.as_ref());
    }
}

// ---------------------------------------------------------------------------------------------- formats

/// What the headers of a model's files hold together. A file may be there under a thousand names.
#[derive(Default)]
struct Headers {
    tensors: usize,
    bytes: u64,
}

impl Headers {
    fn add(&mut self, tensors: usize, bytes: u64, path: &Path) -> Result<()> {
        self.tensors += tensors;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.tensors > MOST_TENSORS || self.bytes > MOST_HEADER_BYTES {
            let reason =
                format!("up to this file the model has {} tensors in headers of {} bytes", self.tensors, self.bytes);
            return Err(Error::Corrupt { path: path.to_owned(), reason });
        }
        Ok(())
    }
}

fn look_at_gguf(found: &mut Detection, root: &Path, package: &Package, context_length: Option<u32>) -> Result<()> {
    let GgufFile { mut header, mut tensors, data_start, .. } = GgufFile::read(&root.join(&package.entry))?;
    let mut headers = Headers { tensors: tensors.len(), bytes: data_start };
    let is_projector = |path: &str| Some(path) == package.projector.as_deref();
    for part in package.files.iter().skip(1).filter(|part| !is_projector(&part.path)) {
        let path = root.join(&part.path);
        let rest = GgufFile::read(&path)?;
        headers.add(rest.tensors.len(), rest.data_start, &path)?;
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
    found.chat_template_hash.clone_from(&header.chat_template_hash);
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
    let (mut parameters, mut headers, mut is_packed_ternary) = (0u64, Headers::default(), false);
    let is_weights = |file: &&Entry| ModelType::by_name(&file.path) == ModelType::Safetensors;
    for shard in package.files.iter().filter(is_weights) {
        let path = root.join(&shard.path);
        let header = SafetensorsHeader::read(&path)?;
        headers.add(header.tensor_count, header.header_size, &path)?;
        parameters = parameters.saturating_add(header.parameters);
        is_packed_ternary |= header.is_packed_ternary;
        for (name, count) in header.types {
            let of_type = types.entry(name).or_insert(0);
            *of_type = count.saturating_add(*of_type);
        }
    }
    found.parameters = Some(parameters);
    found.quantisation = types.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name);
    read_config(found, &root.join(&package.entry), context_length);
    let entry = root.join(&package.entry);
    let config = config_beside(&entry);
    refuse_sizes(found, &entry, &config, headers.tensors, parameters);
    refuse_weights(found, &entry, &config);
    if is_packed_ternary {
        found.quantisation = Some("1.58-bit".into());
        found
            .hinder("unsupported_format", "Its weights are ternary, packed four to a byte; take its GGUF file (I2_S).");
    }
    Ok(())
}

fn look_at_pickled(found: &mut Detection, root: &Path, package: &Package) -> Result<()> {
    let (mut types, mut tensors) = (BTreeMap::<&str, u64>::new(), 0);
    for part in pickled_parts(root, package) {
        for tensor in PickledWeights::read(&part)?.tensors {
            tensors += 1;
            *types.entry(tensor.dtype).or_insert(0) += tensor.elements();
        }
    }
    let parameters = types.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    found.parameters = Some(parameters);
    let entry = root.join(&package.entry);
    refuse_sizes(found, &entry, &config_beside(&entry), tensors, parameters);
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
    let config = match genai::read(path) {
        Ok(config) => config,
        Err(obstacle) => return found.obstacles.push(obstacle),
    };
    let model = &config["model"];
    found.architecture = model["type"].as_str().map(str::to_owned).or(found.architecture.take());
    found.context_length = model["context_length"].as_u64().or(found.context_length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn shards_that_are_one_file_are_not_read_a_thousand_times() {
        let folder = std::env::temp_dir().join(format!("tabagent-shards-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("temporary folder");
        let tensors: Vec<String> = (0..2000)
            .map(|number| format!(r#""{number}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#))
            .collect();
        let header = format!("{{{}}}", tensors.join(","));
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        std::fs::write(folder.join("blob"), file).expect("temporary file");
        for number in 1..=2000 {
            let name = format!("model-{number:05}-of-02000.safetensors");
            std::os::unix::fs::symlink("blob", folder.join(name)).expect("a link");
        }
        let refused = detect(&folder, Inquiry::default());
        assert!(
            matches!(&refused, Err(Error::Corrupt { path, .. }) if path.ends_with("model-00101-of-02000.safetensors"))
        );
        std::fs::remove_dir_all(&folder).expect("temporary folder");
    }
}
