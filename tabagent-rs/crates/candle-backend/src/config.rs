//! What a decoder is built of, read from `config.json` or from a GGUF file's metadata.

use candle_core::quantized::gguf_file::{Content, Value};
use serde_json::Value as Json;

/// Far more than any model has; keeps a wrong file from costing memory.
const MOST_LAYERS: usize = 512;

/// How positions beyond those of the first training were reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RopeScaling {
    /// Not at all
    None,
    /// Every angle divided by this
    Linear(f32),
    /// Llama 3.1: low frequencies divided, high ones left, those between interpolated
    Llama3 { factor: f32, low: f32, high: f32, original_context: f32 },
}

/// A decoder's shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecoderConfig {
    pub(crate) architecture: String,
    pub(crate) vocab_size: usize,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) norm_epsilon: f64,
    pub(crate) rope_theta: f32,
    pub(crate) rope_scaling: RopeScaling,
    pub(crate) train_context: u32,
    /// Positions that attention looks back, where that is not all
    pub(crate) window: Option<u32>,
}

/// Why a configuration is of no use.
#[derive(Debug, PartialEq)]
pub(crate) enum Unusable {
    /// An architecture that this crate does not implement
    Architecture(String),
    /// Anything else
    Because(String),
}

type Outcome<T> = Result<T, Unusable>;

fn because<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Unusable::Because(reason.into()))
}

impl DecoderConfig {
    /// Of a model in Hugging Face's layout.
    pub(crate) fn from_json(json: &Json) -> Outcome<Self> {
        let architecture = json["model_type"].as_str().unwrap_or("").to_owned();
        if !matches!(architecture.as_str(), "llama" | "mistral" | "qwen2") {
            return Err(Unusable::Architecture(architecture));
        }
        if !json["quantization_config"].is_null() {
            return because("its weights are quantised in a way that only the engine transformers reads");
        }
        let activation = json["hidden_act"].as_str().unwrap_or("silu");
        if activation != "silu" {
            return because(format!("its activation is {activation}, which no model of this architecture has"));
        }
        let number = |name: &str| json[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let needed =
            |name: &str| number(name).ok_or_else(|| Unusable::Because(format!("config.json does not state {name}")));
        let (hidden, heads) = (needed("hidden_size")?, needed("num_attention_heads")?);
        // Transformers 5 gathers what is about positions; before, it was beside everything else.
        let rope = if json["rope_parameters"].is_object() { &json["rope_parameters"] } else { &json["rope_scaling"] };
        let theta = rope["rope_theta"].as_f64().or(json["rope_theta"].as_f64()).unwrap_or(10_000.0);
        let slides = json["use_sliding_window"].as_bool().unwrap_or(architecture == "mistral");
        let window = json["sliding_window"].as_u64().filter(|_| slides).and_then(|width| u32::try_from(width).ok());
        Self {
            vocab_size: needed("vocab_size")?,
            hidden,
            intermediate: needed("intermediate_size")?,
            layers: needed("num_hidden_layers")?,
            heads,
            kv_heads: number("num_key_value_heads").unwrap_or(heads),
            head_width: number("head_dim").unwrap_or(hidden / heads.max(1)),
            norm_epsilon: json["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            rope_theta: theta as f32,
            rope_scaling: scaling_from_json(rope)?,
            train_context: context(json["max_position_embeddings"].as_u64().unwrap_or(2048)),
            window,
            architecture,
        }
        .checked()
    }

    /// Of a GGUF file.
    pub(crate) fn from_gguf(content: &Content) -> Outcome<Self> {
        let architecture = match content.metadata.get("general.architecture") {
            Some(Value::String(name)) => name.clone(),
            _ => String::new(),
        };
        if !matches!(architecture.as_str(), "llama" | "mistral" | "qwen2") {
            return Err(Unusable::Architecture(architecture));
        }
        let value = |name: &str| content.metadata.get(&format!("{architecture}.{name}"));
        let number = |name: &str| value(name).and_then(unsigned).and_then(|number| usize::try_from(number).ok());
        let float = |name: &str| value(name).and_then(|value| value.to_f32().ok());
        let needed = |name: &str| {
            number(name).ok_or_else(|| Unusable::Because(format!("the header does not state {architecture}.{name}")))
        };
        if number("expert_count").unwrap_or(0) > 0 {
            return because("it is a mixture of experts, which only the engine llama_cpp runs");
        }
        let (hidden, heads) = (needed("embedding_length")?, needed("attention.head_count")?);
        let scaling = match value("rope.scaling.type") {
            Some(Value::String(kind)) => kind.as_str(),
            _ => "none",
        };
        let rope_scaling = match scaling {
            "none" | "" => RopeScaling::None,
            "linear" => RopeScaling::Linear(float("rope.scaling.factor").unwrap_or(1.0)),
            other => return because(format!("its positions are scaled by {other}, which only llama_cpp knows")),
        };
        let Some(embedding) = content.tensor_infos.get("token_embd.weight") else {
            return because("it has no token_embd.weight");
        };
        Self {
            vocab_size: embedding.shape.dims().first().copied().unwrap_or(0),
            hidden,
            intermediate: needed("feed_forward_length")?,
            layers: needed("block_count")?,
            heads,
            kv_heads: number("attention.head_count_kv").unwrap_or(heads),
            head_width: number("attention.key_length").unwrap_or(hidden / heads.max(1)),
            norm_epsilon: float("attention.layer_norm_rms_epsilon").unwrap_or(1e-6).into(),
            rope_theta: float("rope.freq_base").unwrap_or(10_000.0),
            rope_scaling,
            train_context: context(number("context_length").unwrap_or(2048) as u64),
            window: number("attention.sliding_window").filter(|&width| width > 0).map(|width| context(width as u64)),
            architecture,
        }
        .checked()
    }

    fn checked(self) -> Outcome<Self> {
        let sizes = [self.vocab_size, self.hidden, self.intermediate, self.layers, self.heads, self.kv_heads];
        if sizes.contains(&0) || self.layers > MOST_LAYERS || self.train_context == 0 {
            return because("its configuration states sizes that no model has");
        }
        if !self.heads.is_multiple_of(self.kv_heads) || self.head_width == 0 || !self.head_width.is_multiple_of(2) {
            return because("its attention heads do not divide as grouped heads must");
        }
        Ok(self)
    }

    /// Tokens that it can look back on.
    pub(crate) fn longest_context(&self) -> u32 {
        self.window.map_or(self.train_context, |window| window.min(self.train_context))
    }
}

fn context(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX).min(i32::MAX as u32)
}

/// An integer of any width; files do not agree on it.
pub(crate) fn unsigned(value: &Value) -> Option<u64> {
    match *value {
        Value::U8(number) => Some(number.into()),
        Value::U16(number) => Some(number.into()),
        Value::U32(number) => Some(number.into()),
        Value::U64(number) => Some(number),
        Value::I8(number) => number.try_into().ok(),
        Value::I16(number) => number.try_into().ok(),
        Value::I32(number) => number.try_into().ok(),
        Value::I64(number) => number.try_into().ok(),
        _ => None,
    }
}

fn scaling_from_json(rope: &Json) -> Outcome<RopeScaling> {
    let float = |name: &str, otherwise: f64| rope[name].as_f64().unwrap_or(otherwise) as f32;
    match rope["rope_type"].as_str().or(rope["type"].as_str()) {
        None | Some("default") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear(float("factor", 1.0))),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: float("factor", 8.0),
            low: float("low_freq_factor", 1.0),
            high: float("high_freq_factor", 4.0),
            original_context: float("original_max_position_embeddings", 8192.0),
        }),
        Some(other) => because(format!("its positions are scaled by {other}; the engine transformers knows that")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn smollm2() -> Json {
        json!({
            "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
            "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
            "max_position_embeddings": 8192, "rope_theta": 100000.0, "rms_norm_eps": 1e-5
        })
    }

    #[test]
    fn a_llama() {
        let config = DecoderConfig::from_json(&smollm2()).expect("usable");
        assert_eq!((config.head_width, config.rope_theta, config.longest_context()), (64, 100_000.0, 8192));
    }

    #[test]
    fn positions_of_transformers_5_and_of_llama_3() {
        let mut json = smollm2();
        json["rope_parameters"] = json!({"rope_type": "llama3", "rope_theta": 5e5, "factor": 32.0});
        let config = DecoderConfig::from_json(&json).expect("usable");
        assert_eq!(config.rope_theta, 500_000.0);
        assert!(matches!(config.rope_scaling, RopeScaling::Llama3 { factor: 32.0, .. }));
    }

    #[test]
    fn windows_count_where_they_are_used() {
        let mut json = smollm2();
        json["model_type"] = json!("mistral");
        json["sliding_window"] = json!(4096);
        assert_eq!(DecoderConfig::from_json(&json).map(|config| config.longest_context()), Ok(4096));
        json["model_type"] = json!("qwen2");
        assert_eq!(DecoderConfig::from_json(&json).map(|config| config.longest_context()), Ok(8192));
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let refused = |name: &str, value: Json| {
            let mut json = smollm2();
            json[name] = value;
            DecoderConfig::from_json(&json).expect_err("not usable")
        };
        assert_eq!(refused("model_type", json!("gemma3")), Unusable::Architecture("gemma3".into()));
        for (name, value) in [
            ("hidden_size", json!(null)),
            ("num_key_value_heads", json!(2)),
            ("num_hidden_layers", json!(1_000_000)),
            ("hidden_act", json!("gelu")),
            ("quantization_config", json!({"quant_method": "gptq"})),
            ("rope_scaling", json!({"rope_type": "yarn"})),
        ] {
            assert!(matches!(refused(name, value), Unusable::Because(_)), "{name}");
        }
    }
}
