//! Which GGUF files are models, and what goes with each of them.

use super::{Package, choose, file_name, folder, has_tag, of_type, package, split};
use crate::model_type::ModelType;
use crate::package::Entry;
use std::collections::HashMap;

/// The GGUF files among some, looked at once for all their models.
pub(super) struct GgufFiles<'a> {
    pub(super) all: Vec<&'a Entry>,
    pub(super) models: Vec<&'a Entry>,
    models_by_path: HashMap<&'a str, &'a Entry>,
    projectors_by_folder: HashMap<&'a str, &'a Entry>,
}

impl<'a> GgufFiles<'a> {
    pub(super) fn of(entries: &[&'a Entry]) -> Self {
        let all = of_type(entries, ModelType::Gguf);
        let models = models(&all);
        let mut by_folder = HashMap::<&str, Vec<&Entry>>::new();
        for entry in all.iter().filter(|entry| is_projector(&entry.path)) {
            by_folder.entry(folder(&entry.path)).or_default().push(entry);
        }
        let best = |all: Vec<&'a Entry>| choose(&all, Some("F16")).or_else(|| all.first().copied());
        Self {
            models_by_path: models.iter().map(|entry| (entry.path.as_str(), *entry)).collect(),
            projectors_by_folder: by_folder
                .into_iter()
                .filter_map(|(folder, all)| Some((folder, best(all)?)))
                .collect(),
            all,
            models,
        }
    }

    /// A model with its parts and the projector beside it.
    pub(super) fn package(&self, chosen: &Entry) -> Package {
        let mut files = vec![chosen.clone()];
        let mut missing = Vec::new();
        if let Some(part) = split(&chosen.path) {
            for name in (1..=part.count).map(|number| part.name(number)) {
                match self.models_by_path.get(name.as_str()) {
                    Some(entry) if name != chosen.path => files.push((*entry).clone()),
                    Some(_) => {}
                    None => missing.push(name),
                }
            }
        }
        let projector = self.projectors_by_folder.get(folder(&chosen.path)).copied();
        files.extend(projector.cloned());
        Package {
            model_type: ModelType::Gguf,
            files,
            missing,
            projector: projector.map(|entry| entry.path.clone()),
            ..package(chosen)
        }
    }
}

/// Words in the names of GGUF files that hold no model: vision projectors, and importance matrices of quantisers.
const PARTS: [&str; 3] = ["mmproj", "imatrix", "projector"];
/// Words in the names of models that serve another one: those that draft for it, and adapters.
const HELPERS: [&str; 6] = ["mtp", "draft", "drafter", "eagle3", "lora", "adapter"];

/// Returns true for a GGUF file that goes with another one, by its name; its header is not always at hand.
///
/// A folder or an extension does not count, and neither does a word inside another one.
pub(crate) fn is_companion(path: &str) -> bool {
    is_part(path) || HELPERS.iter().any(|word| has_tag(file_name(path), word))
}

pub(super) fn is_part(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    name.contains(PARTS[0]) || name.contains(PARTS[1]) || has_tag(&name, PARTS[2])
}

/// Returns the GGUF files that are models. Helpers count where there is nothing that they could help.
fn models<'a>(all: &[&'a Entry]) -> Vec<&'a Entry> {
    let without = |is_other: fn(&str) -> bool| -> Vec<&'a Entry> {
        all.iter().copied().filter(|entry| !is_other(&entry.path)).collect()
    };
    let independent = without(is_companion);
    if independent.is_empty() { without(is_part) } else { independent }
}

fn is_projector(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    name.contains("mmproj") || has_tag(&name, "projector")
}
