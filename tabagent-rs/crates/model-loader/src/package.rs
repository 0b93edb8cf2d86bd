//! Which files of a folder or repository are the model: its entry, what belongs to it, and what is missing.

mod gguf_files;

use crate::model_type::ModelType;
use crate::names;
use gguf_files::GgufFiles;
pub(crate) use gguf_files::is_companion;
use gguf_files::is_part;
use std::collections::BTreeSet;

/// A file of a folder or repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its path from the folder, with `/`
    pub path: String,
    /// Bytes, where known
    pub size: Option<u64>,
    /// Hash of its content, where known
    pub sha256: Option<String>,
    /// git's hash of its content, for the small files that the hub keeps in git itself
    pub git_sha1: Option<String>,
}

/// The files of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What kind of model it is
    pub model_type: ModelType,
    /// The file that an engine opens, or whose folder it opens
    pub entry: String,
    /// Everything that belongs to it, the entry first
    pub files: Vec<Entry>,
    /// A vision projector among them
    pub projector: Option<String>,
    /// Files that should be there and are not
    pub missing: Vec<String>,
}

impl Package {
    /// Whether a file belongs to it.
    pub fn holds(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }
}

/// Quantisations people mean when they name none, best compromise first.
const PREFERRED: [&str; 6] = ["Q4_K_M", "Q4_0", "Q4_K_S", "Q5_K_M", "Q8_0", "F16"];

/// Finds the model among `entries`. `wanted` is a quantisation such as `Q4_K_M`, or part of a file's name.
///
/// # Errors
/// What is not there, or cannot be written to every disk.
pub fn find(entries: &[Entry], wanted: Option<&str>) -> Result<Package, String> {
    if let Some((entry, why)) = entries.iter().find_map(|entry| Some((entry, names::escapes(&entry.path)?))) {
        return Err(format!("it names a file {:?}: {why}", entry.path));
    }
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (entry.path.matches('/').count(), entry.path.as_str()));
    let finders = [genai, gguf, safetensors, litert, onnx, saved_model, pytorch];
    let found = finders.iter().find_map(|find| find(&sorted, wanted));
    let Some(package) = found else {
        return Err(match wanted {
            Some(wanted) if find_any(&finders, &sorted) => {
                let choices = choices(&sorted).into_iter().collect::<Vec<_>>().join(", ");
                format!("it has no {wanted}; it has: {choices}")
            }
            _ => "it holds no model that we know".into(),
        });
    };
    check_names(&package)?;
    Ok(package)
}

/// Every model among `entries` that is whole: each GGUF model, or else the one that [`find`] finds.
pub fn find_all(entries: &[Entry]) -> Vec<Package> {
    if entries.iter().any(|entry| names::escapes(&entry.path).is_some()) {
        return Vec::new();
    }
    let all: Vec<&Entry> = entries.iter().collect();
    let files = GgufFiles::of(&all);
    let is_first = |entry: &&&Entry| split(&entry.path).is_none_or(|part| part.number == 1);
    let each: Vec<Package> = files
        .models
        .iter()
        .filter(is_first)
        .map(|entry| files.package(entry))
        .filter(|package| check_names(package).is_ok())
        .collect();
    let found = if each.is_empty() { find(entries, None).ok().into_iter().collect() } else { each };
    found.into_iter().filter(|package| package.missing.is_empty()).collect()
}

/// Returns true for a GGUF file that is no part of a model and has no companion in its folder.
pub(crate) fn stands_alone(name: &str, folder: &[Entry]) -> bool {
    let is_other_half = |entry: &Entry| ModelType::by_name(&entry.path) == ModelType::Gguf && is_part(&entry.path);
    ModelType::by_name(name) == ModelType::Gguf && split(name).is_none() && !folder.iter().any(is_other_half)
}

type Finder = fn(&[&Entry], Option<&str>) -> Option<Package>;

fn find_any(finders: &[Finder], entries: &[&Entry]) -> bool {
    finders.iter().any(|find| find(entries, None).is_some())
}

/// Names of the files that one can ask for.
fn choices(entries: &[&Entry]) -> BTreeSet<String> {
    let named = entries.iter().filter(|entry| ModelType::by_name(&entry.path) != ModelType::Unknown);
    named.filter(|entry| !is_part(&entry.path)).map(|entry| file_name(&entry.path).to_owned()).take(40).collect()
}

fn check_names(package: &Package) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for entry in &package.files {
        if let Some(why) = names::unportable(&entry.path) {
            return Err(format!("it needs a file {:?}: {why}", entry.path));
        }
        if !seen.insert(entry.path.to_lowercase()) {
            return Err(format!("it has two files {:?} that differ only in case", entry.path));
        }
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------ kinds

fn genai(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    let is_config = |entry: &&&Entry| file_name(&entry.path) == "genai_config.json";
    let of_choice = |entry: &&&Entry| wanted.is_none_or(|wanted| folder(&entry.path).contains(wanted));
    let config = entries.iter().filter(is_config).find(of_choice)?;
    let files = with_siblings(entries, config, |_| true);
    Some(Package { model_type: ModelType::OnnxGenai, files, ..package(config) })
}

fn gguf(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    let files = GgufFiles::of(entries);
    let by_name = wanted.and_then(|wanted| files.all.iter().copied().find(|entry| is_named(entry, wanted)));
    // The first part stands for the whole.
    let is_first = |entry: &&Entry| split(&entry.path).is_none_or(|part| part.number == 1);
    let whole: Vec<&Entry> = files.models.iter().copied().filter(is_first).collect();
    let chosen = by_name.or_else(|| choose(&whole, wanted)).or_else(|| {
        let part = files.models.iter().copied().find(|entry| split(&entry.path).is_some())?;
        (whole.is_empty() && wanted.is_none()).then_some(part)
    })?;
    if is_part(&chosen.path) {
        return Some(Package { model_type: ModelType::Gguf, ..package(chosen) });
    }
    Some(files.package(chosen))
}

fn safetensors(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    weights(entries, wanted, ModelType::Safetensors, "safetensors")
}

fn pytorch(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    weights(entries, wanted, ModelType::PyTorch, "bin")
}

/// Weights in one file or in shards with an index, and the configuration beside them.
fn weights(entries: &[&Entry], wanted: Option<&str>, model_type: ModelType, extension: &str) -> Option<Package> {
    let of_kind = |entry: &&&Entry| {
        ModelType::by_name(&entry.path) == model_type && !file_name(&entry.path).starts_with("adapter_model")
    };
    let all: Vec<&Entry> = entries.iter().filter(of_kind).copied().collect();
    let first = match wanted {
        Some(_) => choose(&all, wanted)?,
        None => *all.iter().find(|entry| file_name(&entry.path).starts_with("model")).or(all.first())?,
    };
    let shards: Vec<&Entry> = match Part::of(&first.path, extension) {
        Some(of) => all
            .iter()
            .copied()
            .filter(|entry| Part::of(&entry.path, extension).is_some_and(|it| it.same(&of)))
            .collect(),
        None => vec![first],
    };
    let missing = Part::of(&first.path, extension).map_or_else(Vec::new, |of| {
        let names = (1..=of.count).map(|number| of.name(number));
        names.filter(|name| !shards.iter().any(|entry| entry.path == *name)).collect()
    });
    let mut files: Vec<Entry> = shards.into_iter().cloned().collect();
    files.extend(configuration(entries, folder(&first.path)).cloned());
    Some(Package { model_type, files, missing, ..package(first) })
}

fn litert(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    let of = |model_type| {
        let all: Vec<&Entry> =
            entries.iter().copied().filter(|entry| ModelType::by_name(&entry.path) == model_type).collect();
        let chosen = choose(&all, wanted)?;
        Some(Package { model_type, ..package(chosen) })
    };
    of(ModelType::LitertLm).or_else(|| of(ModelType::Task)).or_else(|| of(ModelType::Tflite))
}

fn onnx(entries: &[&Entry], wanted: Option<&str>) -> Option<Package> {
    let all: Vec<&Entry> =
        entries.iter().copied().filter(|entry| ModelType::by_name(&entry.path) == ModelType::Onnx).collect();
    let chosen = match wanted {
        Some(_) => choose(&all, wanted)?,
        None => {
            let named = |name: &str| all.iter().find(|entry| file_name(&entry.path) == name);
            *named("model.onnx").or_else(|| named("encoder_model.onnx")).or(all.first())?
        }
    };
    let graphs = with_other_half(&all, chosen);
    let is_data = |entry: &&&Entry| {
        graphs.iter().any(|graph| {
            let rest = entry.path.strip_prefix(graph.path.strip_suffix(".onnx").unwrap_or(&graph.path));
            rest.is_some_and(|rest| rest.starts_with(".onnx_data") || rest.starts_with(".onnx.data") || rest == ".data")
        })
    };
    let mut files: Vec<Entry> = graphs.iter().map(|graph| (*graph).clone()).collect();
    files.extend(entries.iter().filter(is_data).map(|entry| (*entry).clone()));
    files.extend(configuration(entries, folder(&chosen.path)).cloned());
    if !folder(&chosen.path).is_empty() {
        files.extend(configuration(entries, "").cloned());
    }
    Some(Package { model_type: ModelType::Onnx, files, ..package(chosen) })
}

const ENCODER: &str = "encoder_model";
const MERGED: &str = "decoder_model_merged";
const PAIR: [&str; 2] = ["decoder_with_past_model", "decoder_model"];

/// The graph, and where it is the encoder or a decoder of a pair those that run with it: their names end alike, as in
/// `encoder_model_fp16` and `decoder_model_merged_fp16`.
fn with_other_half<'a>(all: &[&'a Entry], chosen: &'a Entry) -> Vec<&'a Entry> {
    let stem = file_name(&chosen.path).strip_suffix(".onnx").unwrap_or_default();
    let parts = [ENCODER, MERGED, PAIR[0], PAIR[1]];
    let Some(ending) = parts.iter().find_map(|part| stem.strip_prefix(part)) else { return vec![chosen] };
    let find = |part: &str| {
        let path = format!("{}{part}{ending}.onnx", folder(&chosen.path));
        all.iter().copied().find(|entry| entry.path == path)
    };
    // A decoder without an encoder is a language model, and whole.
    let Some(encoder) = find(ENCODER) else { return vec![chosen] };
    let decoders = find(MERGED).map_or_else(|| PAIR.iter().filter_map(|part| find(part)).collect(), |it| vec![it]);
    let others = std::iter::once(encoder).chain(decoders).filter(|entry| entry.path != chosen.path);
    std::iter::once(chosen).chain(others).collect()
}

fn saved_model(entries: &[&Entry], _wanted: Option<&str>) -> Option<Package> {
    let is_one = |entry: &&&Entry| ModelType::by_name(&entry.path) == ModelType::TensorFlow;
    let graph = entries.iter().find(is_one)?;
    let is_whole_folder = file_name(&graph.path) == "saved_model.pb";
    let files = with_siblings(entries, graph, |path| is_whole_folder && path.contains("variables/"));
    Some(Package { model_type: ModelType::TensorFlow, files, ..package(graph) })
}

// ---------------------------------------------------------------------------------------------- helpers

fn package(entry: &Entry) -> Package {
    Package {
        model_type: ModelType::Unknown,
        entry: entry.path.clone(),
        files: vec![entry.clone()],
        projector: None,
        missing: Vec::new(),
    }
}

/// The entry and the files of its folder and below for which `belongs` holds.
fn with_siblings(entries: &[&Entry], entry: &Entry, belongs: impl Fn(&str) -> bool) -> Vec<Entry> {
    let beside = |other: &&&Entry| {
        let rest = other.path.strip_prefix(folder(&entry.path));
        other.path != entry.path && rest.is_some_and(&belongs)
    };
    std::iter::once(entry).chain(entries.iter().filter(beside).copied()).cloned().collect()
}

/// What an engine reads beside the weights; never code, never pickles.
fn configuration<'a>(entries: &'a [&Entry], in_folder: &'a str) -> impl Iterator<Item = &'a Entry> {
    const KINDS: [&str; 5] = [".json", ".txt", ".model", ".jinja", ".tiktoken"];
    let is_one = move |path: &str| folder(path) == in_folder && KINDS.iter().any(|end| path.ends_with(end));
    entries.iter().copied().filter(move |entry| is_one(&entry.path))
}

fn choose<'a>(entries: &[&'a Entry], wanted: Option<&str>) -> Option<&'a Entry> {
    let by_tag = |tag: &str| entries.iter().copied().find(|entry| has_tag(&entry.path, tag));
    match wanted {
        Some(wanted) => entries.iter().copied().find(|entry| is_named(entry, wanted)).or_else(|| by_tag(wanted)),
        None => PREFERRED.iter().find_map(|tag| by_tag(tag)).or_else(|| entries.first().copied()),
    }
}

/// Whether `tag` stands in the path as a word, in any case.
fn has_tag(path: &str, tag: &str) -> bool {
    let (path, tag) = (path.to_ascii_lowercase(), tag.to_ascii_lowercase());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !tag.is_empty()
        && path.match_indices(&tag).any(|(at, _)| {
            let before = path[..at].chars().next_back();
            let after = path[at + tag.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

fn is_named(entry: &Entry, wanted: &str) -> bool {
    entry.path == wanted || file_name(&entry.path) == wanted
}

fn of_type<'a>(entries: &[&'a Entry], model_type: ModelType) -> Vec<&'a Entry> {
    entries.iter().copied().filter(|entry| ModelType::by_name(&entry.path) == model_type).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder with its `/`; empty for the outermost.
fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// A numbered part of a model: `NAME-00001-of-00003.EXT`.
struct Part<'a> {
    stem: &'a str,
    end: &'a str,
    number: u32,
    count: u32,
    digits: usize,
}

/// More parts than any real model has.
const MOST_PARTS: u32 = 2000;

impl<'a> Part<'a> {
    fn of(path: &'a str, extension: &str) -> Option<Self> {
        let end_at = path.len().checked_sub(extension.len() + 1)?;
        let end = path.get(end_at..).filter(|end| end[1..].eq_ignore_ascii_case(extension))?;
        let (rest, count) = path[..end_at].rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let (digits, number, total) = (number.len(), number.parse().ok()?, count.parse().ok()?);
        (total <= MOST_PARTS && count.len() == digits).then_some(Self { stem, end, number, count: total, digits })
    }

    fn name(&self, number: u32) -> String {
        let Self { stem, end, count, digits, .. } = self;
        format!("{stem}-{number:0digits$}-of-{count:0digits$}{end}")
    }

    fn same(&self, other: &Part<'_>) -> bool {
        self.stem == other.stem && self.count == other.count
    }
}

fn split(path: &str) -> Option<Part<'_>> {
    Part::of(path, "gguf")
}

#[cfg(test)]
mod tests;
