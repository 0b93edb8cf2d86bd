//! `genai_config.json` of onnxruntime-genai, which may name libraries to load and files to write.
//!
//! Only options that are known to do neither are allowed. The runtime's own reader takes each of two equal keys, and files
//! of any size, so a file that this reader does not take whole is refused.

use crate::config;
use crate::detection::Obstacle;
use crate::{file, json};
use serde_json::Value;
use std::path::Path;

/// Name of the file.
pub(crate) const NAME: &str = "genai_config.json";
/// Options of a session that choose how it computes.
const ALLOWED: [&str; 13] = [
    "log_id",
    "log_severity_level",
    "log_verbosity_level",
    "intra_op_num_threads",
    "inter_op_num_threads",
    "enable_cpu_mem_arena",
    "enable_mem_pattern",
    "disable_cpu_ep_fallback",
    "disable_quant_qdq",
    "enable_quant_qdq_cleanup",
    "graph_optimization_level",
    "use_env_allocators",
    PROVIDERS,
];
const PROVIDERS: &str = "provider_options";
/// The options whose providers the engine replaces by its own.
const REPLACED: &str = "model.decoder.session_options";

/// Reads the configuration at `path`, or returns why no engine may.
pub(crate) fn read(path: &Path) -> Result<Value, Obstacle> {
    let refuse = |reason: &str| Obstacle::new("format_refused", format!("{} {reason}", path.display()));
    let text = file::small_text(path, config::LARGEST).ok_or_else(|| refuse("is no text of a sensible size."))?;
    let config = json::parse_strictly(&text).map_err(|error| refuse(&format!("cannot be checked: {error}.")))?;
    match forbidden(&config, "") {
        Some(name) if name.ends_with("custom_ops_library") => Err(Obstacle::new(
            "remote_code_refused",
            format!("{} wants a library of its own loaded ({name}).", path.display()),
        )),
        Some(name) => Err(refuse(&format!("has the option {name}, which may read or write other files."))),
        None => Ok(config),
    }
}

/// Returns the first entry that is not allowed, by its path.
fn forbidden(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let is_fine = match key.as_str() {
                "session_options" => return forbidden_option(value, &path),
                "run_options" => is_empty(value),
                "filename" => value.as_str().is_none_or(is_graph),
                "custom_ops_library" => false,
                _ => return forbidden(value, &path),
            };
            (!is_fine).then_some(path)
        }),
        Value::Array(items) => items.iter().find_map(|item| forbidden(item, at)),
        _ => None,
    }
}

fn forbidden_option(options: &Value, at: &str) -> Option<String> {
    let Value::Object(options) = options else { return (!is_empty(options)).then(|| at.to_owned()) };
    let is_fine = |key: &str, value: &Value| match key {
        PROVIDERS => at == REPLACED || has_no_options(value),
        _ => ALLOWED.contains(&key) && !value.is_object() && !value.is_array(),
    };
    options.iter().find(|(key, value)| !is_fine(key, value)).map(|(key, _)| format!("{at}.{key}"))
}

/// Returns true for a list of providers by name alone.
fn has_no_options(providers: &Value) -> bool {
    let of_provider = |provider: &Value| provider.as_object().is_some_and(|it| it.values().all(is_empty));
    is_empty(providers) || providers.as_array().is_some_and(|all| all.iter().all(of_provider))
}

/// Returns true for a graph that was checked with the others of the folder. The runtime refuses names that lead away.
fn is_graph(name: &str) -> bool {
    name.is_empty() || Path::new(name).extension().is_some_and(|it| it.eq_ignore_ascii_case("onnx"))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &str) -> Option<&'static str> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("genai-{}-{}.json", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, config).expect("temporary file");
        let found = read(&path);
        std::fs::remove_file(&path).expect("temporary file");
        found.err().map(|obstacle| obstacle.code)
    }

    fn with_options(options: &str) -> String {
        format!(r#"{{"model": {{"decoder": {{"filename": "model.onnx", "session_options": {options}}}}}}}"#)
    }

    #[test]
    fn libraries_of_the_model_are_refused() {
        for config in [
            with_options(r#"{"custom_ops_library": "evil.so"}"#),
            with_options(r#"{"custom\u005fops_library": "evil.so"}"#),
            r#"{"model": {"vision": {"session_options": {"custom_ops_library": "evil.so"}}}}"#.to_owned(),
            r#"{"model": {"decoder": {"pipeline": [{"a": {"session_options": {"custom_ops_library": "x"}}}]}}}"#
                .to_owned(),
            r#"{"x": {"custom_ops_library": "evil.so"}}"#.to_owned(),
        ] {
            assert_eq!(refused(&config), Some("remote_code_refused"), "{config}");
        }
    }

    #[test]
    fn options_that_touch_other_files_are_refused() {
        for config in [
            with_options(r#"{"enable_profiling": "/home/user/x"}"#),
            with_options(r#"{"optimized_model_filepath": "/home/user/x"}"#),
            with_options(r#"{"ep.context_file_path": "/etc/passwd"}"#),
            with_options(r#"{"log_id": {"x": 1}}"#),
            r#"{"model": {"decoder": {"run_options": {"enable_profile": "x"}}}}"#.to_owned(),
            r#"{"model": {"decoder": {"filename": "weights.bin"}}}"#.to_owned(),
            r#"{"model": {"vision": {"session_options": {"provider_options": [{"qnn": {"backend_path": "x.so"}}]}}}}"#
                .to_owned(),
            with_options("{}").replace("\"model\":", "\"model\": 1, \"model\":"),
            "{".to_owned(),
            String::new(),
            format!("{}{}", "[".repeat(500), "]".repeat(500)),
            format!(r#"{{"x": "{}"}}"#, "x".repeat(5 << 20)),
        ] {
            assert_eq!(refused(&config), Some("format_refused"), "{}", &config[..config.len().min(200)]);
        }
    }

    #[test]
    fn configurations_of_real_models_are_not() {
        let options = r#"{"log_id": "onnxruntime-genai", "intra_op_num_threads": 4, "graph_optimization_level": "ORT_ENABLE_ALL",
            "provider_options": [{"cuda": {"enable_cuda_graph": "0"}}]}"#;
        assert_eq!(refused(&with_options(options)), None);
        let vision = r#"{"model": {"vision": {"filename": "vision.onnx", "config_filename": "processor_config.json",
            "session_options": {"log_id": "x", "provider_options": [{"cuda": {}}]}}}, "search": {"max_length": 4096}}"#;
        assert_eq!(refused(vision), None);
    }
}
