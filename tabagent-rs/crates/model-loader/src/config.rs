//! The JSON files beside Hugging Face weights: what they say of the model, and whether they ask for code to be run.

use crate::{json, task};
use serde_json::Value;

/// Larger than any real configuration file.
pub(crate) const LARGEST: u64 = 4 << 20;

/// What `config.json` and its neighbours say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelConfig {
    /// `model_type`, such as `llama`
    pub architecture: Option<String>,
    /// The first of `architectures`, such as `LlamaForCausalLM`
    pub class: Option<String>,
    /// Tokens the model was trained to see at once
    pub context_length: Option<u64>,
    /// Method and width of quantised weights, such as `gptq 4-bit`
    pub quantisation: Option<String>,
    /// Sizes that the KV cache follows
    pub cache: Option<CacheShape>,
    /// Whether it sees pictures
    pub has_vision: bool,
    /// Classes that it tells apart
    pub labels: Option<usize>,
    /// `auto_map`: Python code in the repository that the model wants run
    pub wants_code: bool,
}

/// What one token takes in the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Layers
    pub layers: u64,
    /// Heads with keys and values of their own
    pub heads: u64,
    /// Width of a head
    pub width: u64,
}

impl ModelConfig {
    /// Reads `config.json`. What is no such file says nothing.
    pub fn parse(text: &str) -> Self {
        json::parse(text).map_or_else(|_| Self::default(), |value| Self::of(&value))
    }

    /// Reads a configuration that is an object of JSON already.
    pub(crate) fn of(config: &Value) -> Self {
        // Models of several modalities keep the language model's sizes in a part of their own.
        let language = config.get("text_config").filter(|part| part.is_object()).unwrap_or(config);
        let number = |key: &str| language.get(key).and_then(Value::as_u64);
        let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
        let heads = number("num_attention_heads").or(number("n_head"));
        let width = number("head_dim").or_else(|| {
            let embedding = number("hidden_size").or(number("n_embd"))?;
            embedding.checked_div(heads?)
        });
        let cache = || {
            let layers = number("num_hidden_layers").or(number("n_layer"))?;
            Some(CacheShape { layers, heads: number("num_key_value_heads").or(heads)?, width: width? })
        };
        Self {
            architecture: text("model_type"),
            class: config.get("architectures").and_then(|all| all.get(0)).and_then(Value::as_str).map(str::to_owned),
            context_length: number("max_position_embeddings")
                .or(number("n_positions"))
                .or(number("max_sequence_length")),
            quantisation: config.get("quantization_config").and_then(quantisation),
            cache: cache(),
            has_vision: config.get("vision_config").is_some(),
            labels: config.get("id2label").and_then(Value::as_object).map(serde_json::Map::len),
            wants_code: has_auto_map(config),
        }
    }

    /// What the model is for, by its class.
    pub fn task(&self) -> Option<&'static str> {
        match task::of_class(self.class.as_deref()?, self.has_vision)? {
            // A single label is no class: it says how well two texts belong together.
            task::TEXT_CLASSIFICATION if self.labels == Some(1) => Some(task::TEXT_RANKING),
            task => Some(task),
        }
    }
}

fn quantisation(config: &Value) -> Option<String> {
    let method = config.get("quant_method").and_then(Value::as_str)?;
    let bits = config.get("bits").or(config.get("w_bit")).and_then(Value::as_u64);
    Some(bits.map_or_else(|| method.to_owned(), |bits| format!("{method} {bits}-bit")))
}

/// Whether any object in it carries `auto_map`.
pub(crate) fn has_auto_map(value: &Value) -> bool {
    match value {
        Value::Object(entries) => {
            entries.get("auto_map").is_some_and(|map| !map.is_null()) || entries.values().any(has_auto_map)
        }
        Value::Array(entries) => entries.iter().any(has_auto_map),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_model() {
        let config = ModelConfig::parse(
            r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576,
                "num_attention_heads": 9, "num_key_value_heads": 3, "num_hidden_layers": 30,
                "max_position_embeddings": 8192}"#,
        );
        assert_eq!(config.architecture.as_deref(), Some("llama"));
        assert_eq!(config.context_length, Some(8192));
        assert_eq!(config.cache, Some(CacheShape { layers: 30, heads: 3, width: 64 }));
        assert_eq!(config.task(), Some(task::TEXT_GENERATION));
        assert!(!config.wants_code);
    }

    #[test]
    fn parts_and_quantisation() {
        let config = ModelConfig::parse(
            r#"{"architectures": ["GemmaForConditionalGeneration"], "vision_config": {}, "quantization_config":
                {"quant_method": "gptq", "bits": 4}, "text_config": {"max_position_embeddings": 4096}}"#,
        );
        assert_eq!(config.context_length, Some(4096));
        assert_eq!(config.quantisation.as_deref(), Some("gptq 4-bit"));
        assert_eq!(config.task(), Some(task::IMAGE_TEXT_TO_TEXT));
    }

    #[test]
    fn a_single_label_ranks() {
        let with = |labels: &str| {
            ModelConfig::parse(&format!(
                r#"{{"architectures": ["BertForSequenceClassification"], "id2label": {{{labels}}}}}"#
            ))
        };
        assert_eq!(with(r#""0": "LABEL_0""#).task(), Some(task::TEXT_RANKING));
        assert_eq!(with(r#""0": "a", "1": "b""#).task(), Some(task::TEXT_CLASSIFICATION));
    }

    #[test]
    fn code_is_noticed_wherever_it_hides() {
        assert!(ModelConfig::parse(r#"{"a": [{"auto_map": {"AutoModel": "evil.Model"}}]}"#).wants_code);
        assert!(!ModelConfig::parse(r#"{"auto_map": null}"#).wants_code);
    }

    #[test]
    fn nonsense_says_nothing() {
        for text in ["", "[]", "{\"architectures\": 3}", "{\"num_attention_heads\": 0, \"hidden_size\": 1}", "nul"] {
            assert_eq!(ModelConfig::parse(text).task(), None);
        }
    }
}
