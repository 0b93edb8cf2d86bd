//! Models of the hub, described by one request for their metadata.
//!
//! API: <https://huggingface.co/docs/hub/api>, `GET /api/models/{repository}[/revision/{revision}]?blobs=true`.

use crate::Inquiry;
use crate::config::ModelConfig;
use crate::detection::{Detection, PICKLED, conversion};
use crate::error::{Error, Result};
use crate::memory;
use crate::model_type::ModelType;
use crate::names;
use crate::package::{self, Entry};
use crate::reference::Reference;
use crate::template;
use serde_json::Value;
use std::time::Duration;

/// The hub that everybody means.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
const DEFAULT_REVISION: &str = "main";
const TIMEOUT: Duration = Duration::from_secs(30);
/// Repositories of thousands of files stay below this.
const LARGEST_ANSWER: u64 = 32 << 20;
/// Objects and arrays of an answer; a repository of 100,000 files has two for each. An empty one takes 3 bytes of text
/// and, parsed, hundreds of memory.
const MOST_CONTAINERS: usize = 250_000;
/// Commas of an answer, which separate all its other values.
const MOST_COMMAS: usize = 1_500_000;
const MOST_REDIRECTS: usize = 5;

/// Where to ask, and as whom.
#[derive(Clone)]
pub struct Hub {
    /// Such as [`DEFAULT_ENDPOINT`]
    pub endpoint: String,
    /// Sent to `endpoint` and to nobody else
    pub token: Option<String>,
}

impl Hub {
    /// Describes the model that `reference` means.
    ///
    /// # Errors
    /// [`Error::Hub`] when there is no such model or no answer, [`Error::BadName`] when the repository holds no such file.
    pub fn detect(&self, reference: &Reference, inquiry: Inquiry) -> Result<Detection> {
        let failed = |reason: String, status| Error::Hub {
            endpoint: self.endpoint.clone(),
            repository: reference.repository.clone(),
            reason,
            status,
        };
        let text = self.get(reference.metadata_url(&self.endpoint), &failed)?;
        if is_too_complex(&text) {
            return Err(failed("its answer has more values than any repository's".into(), None));
        }
        let answer =
            serde_json::from_str(&text).map_err(|error| failed(format!("its answer is no JSON: {error}"), None))?;
        let found = describe(reference, &answer, inquiry)?;
        match invalid_hash(&found) {
            Some(hash) => {
                let shown: String = hash.chars().take(100).collect();
                Err(failed(format!("its answer has an invalid hash {shown:?}"), None))
            }
            None => Ok(found),
        }
    }

    /// Follows redirects itself, so that none leads to another host.
    fn get(&self, mut url: String, failed: &dyn Fn(String, Option<u16>) -> Error) -> Result<String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("tabagent/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        for _ in 0..=MOST_REDIRECTS {
            let mut request = agent.get(&url);
            if let Some(token) = &self.token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let mut answer = request.call().map_err(|error| failed(error.to_string(), None))?;
            let status = answer.status().as_u16();
            if (300..400).contains(&status) {
                let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
                url = self.follow(to).ok_or_else(|| failed(format!("it sends us to {to:?}"), Some(status)))?;
                continue;
            }
            let body = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string();
            return match status {
                200 => body.map_err(|error| failed(error.to_string(), Some(status))),
                401 | 403 => {
                    Err(failed("it is private, gated or does not exist; a token may be needed".into(), Some(status)))
                }
                404 => Err(failed("there is no such repository or revision".into(), Some(status))),
                _ => Err(failed(format!("it answered with status {status}"), Some(status))),
            };
        }
        Err(failed("it redirects without end".into(), None))
    }

    /// Where a redirect leads, if that is the same hub.
    fn follow(&self, to: &str) -> Option<String> {
        let endpoint = self.endpoint.trim_end_matches('/');
        if to.starts_with('/') && !to.starts_with("//") {
            // The endpoint may have a path of its own; redirects are from the root of its host.
            let (scheme, rest) = endpoint.split_once("://")?;
            let host = rest.split('/').next()?;
            return Some(format!("{scheme}://{host}{to}"));
        }
        to.strip_prefix(endpoint).filter(|rest| rest.starts_with('/')).map(|_| to.to_owned())
    }
}

/// Reads the hub's answer.
///
/// # Errors
/// [`Error::BadName`] when the repository holds no such file, or names that cannot be written to a disk.
pub fn describe(reference: &Reference, answer: &Value, inquiry: Inquiry) -> Result<Detection> {
    let entries: Vec<Entry> = answer["siblings"].as_array().into_iter().flatten().filter_map(entry).collect();
    let package = package::find(&entries, reference.wanted.as_deref())
        .map_err(|reason| Error::BadName { name: reference.repository.clone(), reason })?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let config = ModelConfig::of(&answer["config"]);
    let gguf = &answer["gguf"];
    let tokenizer = &answer["config"]["tokenizer_config"];
    let mut found = Detection {
        source: reference.repository.clone(),
        repository: Some(reference.repository.clone()),
        revision: Some(reference.revision.clone().unwrap_or_else(|| DEFAULT_REVISION.to_owned())),
        commit: text(&answer["sha"]),
        model_type: Some(package.model_type),
        architecture: text(&gguf["architecture"]).or(config.architecture.clone()),
        task: text(&answer["pipeline_tag"]).or_else(|| config.task().map(str::to_owned)),
        quantisation: quantisation(&package.entry).or(config.quantisation.clone()),
        parameters: gguf["total"].as_u64().or(answer["safetensors"]["total"].as_u64()),
        context_length: gguf["context_length"].as_u64().or(config.context_length),
        chat_template_hash: [gguf, tokenizer].iter().find_map(|place| template::hash_of(&place["chat_template"])),
        license: text(&answer["cardData"]["license"]).or_else(|| license_tag(answer)),
        gated: text(&answer["gated"]),
        files: package.files,
        ..Detection::default()
    };
    // The header would tell the KV cache; the weights are most of it.
    found.memory = found.size().map(|weights| memory::of_weights(weights, None, 0));
    if package.model_type == ModelType::Gguf && is_bitnet(&found) {
        found.model_type = Some(ModelType::BitNet);
    }
    if !package.missing.is_empty() {
        found.hinder("model_corrupt", format!("Files are missing: {}.", package.missing.join(", ")));
    }
    if package.model_type == ModelType::PyTorch && !inquiry.allow_pickle {
        found.hinder("format_refused", PICKLED);
    }
    if config.wants_code {
        found.hinder("remote_code_refused", "Its configuration wants code of the repository run (auto_map).");
    }
    if found.gated.is_some() {
        found.hinder("gated", "Its authors hand it out on request; ask for access on its page, then give your token.");
    }
    found.conversion = conversion(found.model_type(), &package.entry);
    Ok(found)
}

/// Returns true for JSON that takes much more memory parsed than as text. Characters in strings count too.
fn is_too_complex(text: &str) -> bool {
    let count = |wanted: fn(u8) -> bool| text.bytes().filter(|&byte| wanted(byte)).count();
    count(|byte| matches!(byte, b'{' | b'[')) > MOST_CONTAINERS || count(|byte| byte == b',') > MOST_COMMAS
}

fn entry(sibling: &Value) -> Option<Entry> {
    Some(Entry {
        path: sibling["rfilename"].as_str()?.to_owned(),
        size: sibling["size"].as_u64().or(sibling["lfs"]["size"].as_u64()),
        sha256: sibling["lfs"]["sha256"].as_str().map(str::to_owned),
        git_sha1: match sibling["lfs"].is_object() {
            true => None,
            false => sibling["blobId"].as_str().map(str::to_owned),
        },
    })
}

/// Returns the first hash that is none. Files and folders are named after hashes, so one may not be a path.
fn invalid_hash(found: &Detection) -> Option<&str> {
    let commit = found.commit.as_deref().filter(|commit| !names::is_git_sha1(commit));
    commit.or_else(|| found.files.iter().find_map(invalid_hash_of))
}

fn invalid_hash_of(entry: &Entry) -> Option<&str> {
    let sha256 = entry.sha256.as_deref().filter(|hash| !names::is_sha256(hash));
    sha256.or_else(|| entry.git_sha1.as_deref().filter(|hash| !names::is_git_sha1(hash)))
}

fn license_tag(answer: &Value) -> Option<String> {
    let tags = answer["tags"].as_array()?.iter().filter_map(Value::as_str);
    tags.filter_map(|tag| tag.strip_prefix("license:")).next().map(str::to_owned)
}

/// The quantisation that a GGUF file's name ends with.
pub(crate) fn quantisation(entry: &str) -> Option<String> {
    let stem = entry.strip_suffix(".gguf")?;
    let stem = stem.split("-0000").next()?;
    let last = stem.rsplit(['-', '.', '/']).next()?.to_ascii_uppercase();
    let is_one = ["Q", "IQ", "TQ", "F16", "F32", "BF16", "MXFP4", "I2_S"].iter().any(|begin| last.starts_with(begin));
    (is_one && last.chars().any(|c| c.is_ascii_digit())).then_some(last)
}

fn is_bitnet(found: &Detection) -> bool {
    found.architecture.as_deref().is_some_and(|name| name.starts_with("bitnet"))
        || found.quantisation.as_deref() == Some("I2_S")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        Reference::parse(text, DEFAULT_ENDPOINT).expect(text)
    }

    fn answer(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn a_gguf_repository() {
        let answer = answer(
            r#"{"id": "o/m-GGUF", "sha": "0123", "pipeline_tag": "text-generation", "gated": false,
            "tags": ["gguf", "license:apache-2.0"],
            "gguf": {"total": 134515008, "architecture": "llama", "context_length": 8192, "chat_template": "{{ x }}"},
            "siblings": [{"rfilename": "m-Q4_K_M.gguf", "size": 9, "lfs": {"sha256": "ab", "size": 9}},
                         {"rfilename": "m-Q8_0.gguf", "size": 20}, {"rfilename": "README.md", "size": 1}]}"#,
        );
        let found = describe(&reference("o/m-GGUF"), &answer, Inquiry::default()).expect("a model");
        assert_eq!(found.model_type(), ModelType::Gguf);
        assert_eq!(found.quantisation.as_deref(), Some("Q4_K_M"));
        assert_eq!(found.architecture.as_deref(), Some("llama"));
        assert_eq!((found.parameters, found.context_length), (Some(134_515_008), Some(8192)));
        assert_eq!(found.license.as_deref(), Some("apache-2.0"));
        assert_eq!(found.commit.as_deref(), Some("0123"));
        assert_eq!(found.size(), Some(9));
        assert_eq!(found.revision.as_deref(), Some("main"));
        assert!(found.memory.is_some_and(|memory| memory.total() > 9));
        assert!(found.chat_template_hash.is_some() && found.gated.is_none() && found.obstacles.is_empty());
        let other = describe(&reference("o/m-GGUF:Q8_0"), &answer, Inquiry::default()).expect("a model");
        assert_eq!(other.files[0].path, "m-Q8_0.gguf");
        assert!(describe(&reference("o/m-GGUF:Q2_K"), &answer, Inquiry::default()).is_err());
    }

    #[test]
    fn what_stands_in_the_way_is_said() {
        let answer = answer(
            r#"{"gated": "manual", "config": {"model_type": "x", "auto_map": {"AutoModel": "evil.M"}},
            "siblings": [{"rfilename": "pytorch_model.bin"}, {"rfilename": "evil.py"}]}"#,
        );
        let found = describe(&reference("o/m"), &answer, Inquiry::default()).expect("a model");
        let codes: Vec<&str> = found.obstacles.iter().map(|obstacle| obstacle.code).collect();
        assert_eq!(codes, ["format_refused", "remote_code_refused", "gated"]);
        let allowed = Inquiry { allow_pickle: true, ..Inquiry::default() };
        let found_again = describe(&reference("o/m"), &answer, allowed).expect("a model");
        assert_eq!(found_again.obstacles[0].code, "remote_code_refused", "allowing one allows no other");
        assert!(found.files.iter().all(|file| !file.path.ends_with(".py")));
    }

    #[test]
    fn s1_a_hash_that_is_a_path_is_found() {
        let digits = "ab".repeat(32);
        for (sha, hash, blob) in [("../x", &*digits, &digits[..40]), (&digits[..40], "../../x", &digits[..40])] {
            let text = format!(
                r#"{{"sha": "{sha}", "siblings": [{{"rfilename": "model.safetensors", "lfs": {{"sha256": "{hash}"}}}},
                {{"rfilename": "config.json", "blobId": "{blob}"}}]}}"#
            );
            let found = describe(&reference("o/m"), &answer(&text), Inquiry::default()).expect("a model");
            assert!(invalid_hash(&found).is_some_and(|hash| hash.starts_with("../")), "{text}");
            let text = text.replace("../../x", &digits).replace("../x", &digits[..40]);
            let found = describe(&reference("o/m"), &answer(&text), Inquiry::default()).expect("a model");
            assert_eq!(invalid_hash(&found), None);
            let text = text.replace(r#""blobId": ""#, r#""blobId": "/"#);
            let found = describe(&reference("o/m"), &answer(&text), Inquiry::default()).expect("a model");
            assert!(invalid_hash(&found).is_some_and(|hash| hash.starts_with('/')));
        }
    }

    #[test]
    fn s1_answers_that_would_fill_memory_are_not_parsed() {
        for piece in ["{},", "[],", "0,", "\"\",", "{\"a\":0},", "[[[[[[[[0]]]]]]]],"] {
            assert!(is_too_complex(&piece.repeat((6 << 20) / piece.len())), "{piece}");
        }
        let file = r#"{"rfilename":"x","size":1,"blobId":"0","lfs":{"sha256":"0","size":1,"pointerSize":1}},"#;
        assert!(!is_too_complex(&file.repeat(100_000)));
    }

    #[test]
    fn redirects_stay_on_the_hub() {
        let hub = Hub { endpoint: "http://127.0.0.1:81/prefix/".into(), token: None };
        assert_eq!(hub.follow("/api/x").as_deref(), Some("http://127.0.0.1:81/api/x"));
        assert_eq!(hub.follow("http://127.0.0.1:81/prefix/y").as_deref(), Some("http://127.0.0.1:81/prefix/y"));
        for to in ["//evil/x", "http://127.0.0.1:82/x", "http://127.0.0.1:81/prefixed", "file:///etc/passwd", ""] {
            assert_eq!(hub.follow(to), None, "{to}");
        }
    }
}
