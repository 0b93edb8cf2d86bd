//! Files beside a model's weights: what they say of the model, and whether an engine may be given them.

use crate::config::{self, ModelConfig};
use crate::detection::Detection;
use crate::local::LARGEST_DEFAULT_CONTEXT;
use crate::{auto_map, config_sizes, file, json, memory, shard_index, task, template, tokenizer_file};
use serde_json::Value;
use std::path::Path;

/// Reads the configuration beside `entry`, and beside its folder where that is one of ONNX graphs.
pub(crate) fn read_config(found: &mut Detection, entry: &Path, context_length: Option<u32>) {
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
    found.chat_template_hash = read("chat_template.jinja").as_deref().map(template::hash).or_else(|| {
        ["chat_template.json", "tokenizer_config.json"].into_iter().find_map(|name| template::hash_in(&read(name)?))
    });
    found.license = found.license.take().or_else(|| read("README.md").and_then(|text| license_of(&text)));
    let asked = context_length.map(|asked| u64::from(asked).min(config.context_length.unwrap_or(u64::MAX)));
    let context = asked.or(config.context_length.map(|trained| trained.min(LARGEST_DEFAULT_CONTEXT.into())));
    if let (Some(context), Some(weights)) = (context, found.size()) {
        found.planned_context_length = Some(context);
        found.memory = Some(memory::of_weights(weights, config.cache, context));
    }
}

/// Returns `config.json` beside `entry`, or null where none can be read.
pub(crate) fn config_beside(entry: &Path) -> Value {
    let text = file::small_text(&entry.with_file_name("config.json"), config::LARGEST);
    text.and_then(|text| json::parse(&text).ok()).unwrap_or_default()
}

/// Adds an obstacle if `config.json` beside `entry` describes a far larger model than weights of so many tensors and
/// numbers.
pub(crate) fn refuse_sizes(found: &mut Detection, entry: &Path, config: &Value, tensors: usize, numbers: u64) {
    let Some(reason) = config_sizes::contradiction(config, tensors as u64, numbers) else { return };
    let path = entry.with_file_name("config.json");
    found.hinder("model_corrupt", format!("{} contradicts the weights: {reason}; download it again.", path.display()));
}

/// Adds an obstacle if files beside `entry` name weights that are no safetensors file of its folder.
pub(crate) fn refuse_weights(found: &mut Detection, entry: &Path, config: &Value) {
    let folder = entry.parent().unwrap_or(Path::new("."));
    if let Some((code, message)) = shard_index::refusal(folder, config) {
        found.hinder(code, message);
    }
}

/// Adds an obstacle if the tokenizer beside `entry`, or beside its folder, makes texts as long as no model can take.
pub(crate) fn refuse_bombs(found: &mut Detection, entry: &Path) {
    for folder in entry.ancestors().skip(1).take(2) {
        if let Err(error) = tokenizer_file::check(&folder.join("tokenizer.json")) {
            return found.hinder("model_corrupt", error.to_string());
        }
    }
}

/// `license:` of a model card's front matter.
fn license_of(card: &str) -> Option<String> {
    let front = card.strip_prefix("---")?.split("\n---").next()?;
    let line = front.lines().find_map(|line| line.strip_prefix("license:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|license| !license.is_empty())
}

/// Adds an obstacle if a JSON file of the model asks for Python code of the repository to be run, or cannot be read.
pub(crate) fn refuse_code(found: &mut Detection, root: &Path) {
    let mut search = auto_map::Search::new();
    for path in found.files.iter().map(|file| &file.path).filter(|path| path.ends_with(".json")) {
        let message = match search.is_in_file(&root.join(path)) {
            Ok(false) => continue,
            Ok(true) => "Its configuration wants code of the repository run (auto_map).".to_owned(),
            Err(error) => format!("{path} may ask for code of the repository to be run (auto_map): {error}."),
        };
        return found.hinder("remote_code_refused", message);
    }
}
