//! Sizes in a configuration that its weights cannot have. Transformers builds a model of these sizes before it looks at
//! the weights, so a wrong number fills the memory of its process.

use serde_json::Value;

/// Layers that a model may have whatever its weights, as some share them between layers.
const MOST_SHARED_LAYERS: u64 = 1024;
/// Experts of all layers together. Real models have 24,000.
const MOST_EXPERTS: u64 = 65_536;
/// Quantised weights are stored as fewer numbers than they are, and factorised tables too.
const SLACK: u64 = 16;
/// Numbers that a model may have beside those in its file.
const SMALLEST: u64 = 1 << 24;

const LAYERS: [&str; 9] = [
    "num_hidden_layers",
    "num_layers",
    "n_layer",
    "n_layers",
    "encoder_layers",
    "decoder_layers",
    "num_decoder_layers",
    "num_encoder_layers",
    "depth",
];
const EXPERTS: [&str; 4] = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
const WIDTHS: [&str; 6] = ["hidden_size", "d_model", "n_embd", "dim", "embed_dim", "hidden_dim"];
const TABLES: [&str; 9] = [
    "vocab_size",
    "intermediate_size",
    "d_ff",
    "n_inner",
    "ffn_dim",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "num_labels",
    "moe_intermediate_size",
];

/// Returns what is wrong with a configuration for weights of so many tensors and numbers.
pub(crate) fn contradiction(config: &Value, tensors: u64, numbers: u64) -> Option<String> {
    let Value::Object(entries) = config else { return None };
    let number = |key: &&'static str| Some((*key, entries.get(*key)?.as_f64()?)).filter(|(_, value)| *value > 0.0);
    let most_layers = tensors.max(MOST_SHARED_LAYERS) as f64;
    let most_numbers = numbers.saturating_mul(SLACK).max(SMALLEST) as f64;
    let layers = LAYERS.iter().filter_map(number).find(|(_, layers)| *layers > most_layers);
    if let Some((key, layers)) = layers {
        return Some(format!("{key} is {layers}, and the weights are {tensors} tensors"));
    }
    let blocks = LAYERS.iter().filter_map(number).map(|(_, layers)| layers).fold(1.0, f64::max);
    if let Some((key, experts)) = EXPERTS.iter().filter_map(number).find(|(_, n)| n * blocks > MOST_EXPERTS as f64) {
        return Some(format!("{key} is {experts} in each of {blocks} layers"));
    }
    let width = WIDTHS.iter().filter_map(number).map(|(_, width)| width).fold(1.0, f64::max);
    let mut products = TABLES.iter().chain(&WIDTHS).filter_map(number);
    if let Some((key, size)) = products.find(|(_, size)| size * width > most_numbers) {
        return Some(format!("{key} is {size} at a width of {width}, and the weights are {numbers} numbers"));
    }
    entries.values().find_map(|part| contradiction(part, tensors, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_that_the_weights_cannot_have_are_named() {
        let of = |config: &Value| contradiction(config, 290, 8_000_000_000);
        let llama =
            json!({"num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 128_256, "intermediate_size": 14_336});
        assert_eq!(of(&llama), None);
        for (key, value) in [
            ("num_hidden_layers", json!(1_000_000)),
            ("num_hidden_layers", json!(1e30)),
            ("hidden_size", json!(100_000_000)),
            ("vocab_size", json!(2_147_483_648u64)),
            ("intermediate_size", json!(1u64 << 62)),
            ("num_local_experts", json!(1_000_000)),
        ] {
            let mut changed = llama.clone();
            changed[key] = value;
            assert!(of(&changed).is_some(), "{key}");
            assert!(of(&json!({"vision_config": changed})).is_some(), "{key}");
        }
    }

    #[test]
    fn shared_layers_and_packed_weights_are_no_contradiction() {
        let albert =
            json!({"num_hidden_layers": 24, "hidden_size": 2048, "vocab_size": 30_000, "intermediate_size": 8192});
        assert_eq!(contradiction(&albert, 25, 58_000_000), None);
        let packed =
            json!({"num_hidden_layers": 80, "hidden_size": 8192, "vocab_size": 152_064, "intermediate_size": 29_568});
        assert_eq!(contradiction(&packed, 2000, 9_000_000_000), None);
        let mixture = json!({"num_hidden_layers": 61, "n_routed_experts": 384, "hidden_size": 7168});
        assert_eq!(contradiction(&mixture, 70_000, 1_000_000_000_000), None);
        for nothing in [json!(null), json!([]), json!({"num_hidden_layers": -1, "hidden_size": "x"})] {
            assert_eq!(contradiction(&nothing, 0, 0), None);
        }
    }
}
