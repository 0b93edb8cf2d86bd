//! Zip archives that are models: PyTorch's weights, MediaPipe's task bundles.

use crate::model_type::ModelType;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Far more entries than any real bundle has.
const MOST_ENTRIES: usize = 100_000;

/// What the archive's entries make of it; `None` where they are nothing we know or it is damaged.
pub(crate) fn kind(path: &Path) -> Option<ModelType> {
    let archive = zip::ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()?;
    if archive.len() > MOST_ENTRIES {
        return None;
    }
    let has = |wanted: &dyn Fn(&str) -> bool| archive.file_names().flatten().any(|name| wanted(&name));
    if has(&|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
        Some(ModelType::PyTorch)
    } else if has(&|name| name.ends_with(".tflite") || name == "TF_LITE_PREFILL_DECODE" || name == "TOKENIZER_MODEL") {
        Some(ModelType::Task)
    } else {
        None
    }
}
