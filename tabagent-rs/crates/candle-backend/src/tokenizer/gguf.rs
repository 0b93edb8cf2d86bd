//! A GGUF file's vocabulary as the content of a `tokenizer.json`.
//!
//! Names of pre-tokenizers and their expressions: `llama_vocab::impl::load` and `llm_tokenizer_bpe` of llama.cpp.

use super::Conventions;
use crate::config::unsigned;
use candle_core::quantized::gguf_file::{Content, Value};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const PUNCTUATION: &str = r"[\p{P}\$\+<=>\^~\|]+";

/// `tokenizer.ggml.token_type`.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// Texts of control tokens that end an answer, whatever the header says.
const ENDS: &[&str] =
    &["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end|>", "<|eom_id|>", "</s>", "<|end_of_text|>"];

/// What a header says about its vocabulary.
struct Header<'a>(&'a Content);

impl<'a> Header<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.metadata.get(&format!("tokenizer.{name}"))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> Vec<&'a str> {
        let Some(Value::Array(values)) = self.value(name) else { return Vec::new() };
        values
            .iter()
            .filter_map(|value| if let Value::String(text) = value { Some(text.as_str()) } else { None })
            .collect()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.to_bool().ok()
    }

    fn id(&self, name: &str) -> Option<u32> {
        self.value(&format!("ggml.{name}_token_id")).and_then(unsigned).and_then(|id| u32::try_from(id).ok())
    }
}

/// The vocabulary as a `tokenizer.json`, and what that does not say.
///
/// # Errors
/// Why it cannot be written so.
pub(crate) fn from_gguf(content: &Content) -> Result<(Json, Conventions), String> {
    let header = Header(content);
    let tokens = header.texts("ggml.tokens");
    if tokens.is_empty() {
        return Err("the file has no vocabulary".into());
    }
    let kinds: Vec<u64> = match header.value("ggml.token_type") {
        Some(Value::Array(kinds)) => kinds.iter().map(|kind| unsigned(kind).unwrap_or(1)).collect(),
        _ => Vec::new(),
    };
    let vocabulary: serde_json::Map<String, Json> =
        (0..).zip(&tokens).map(|(id, token)| ((*token).to_owned(), json!(id))).collect();
    let mut tokenizer = match header.text("ggml.model") {
        Some("gpt2") => letters(&header, vocabulary)?,
        Some("llama") => marks(&header, &tokens, vocabulary),
        other => return Err(format!("its vocabulary is of the kind {}", other.unwrap_or("unknown"))),
    };
    let is_added = |kind: u64| matches!(kind, UNKNOWN | CONTROL | USER_DEFINED);
    let added: Vec<Json> = (0..)
        .zip(tokens.iter().zip(&kinds))
        .filter(|(_, (token, kind))| is_added(**kind) && !token.is_empty())
        .map(|(id, (token, &kind))| {
            json!({
                "id": id, "content": token, "special": kind != USER_DEFINED, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false
            })
        })
        .collect();
    tokenizer["version"] = json!("1.0");
    tokenizer["added_tokens"] = json!(added);
    let text_of = |id: Option<u32>| id.and_then(|id| tokens.get(id as usize)).map(|text| (*text).to_owned());
    let (bos, eos) = (header.id("bos"), header.id("eos"));
    let adds_by_itself = header.text("ggml.model") == Some("llama")
        || matches!(header.text("ggml.pre"), Some("llama-bpe" | "llama3" | "tekken"));
    if let (true, Some(bos), Some(text)) =
        (header.flag("ggml.add_bos_token").unwrap_or(adds_by_itself), bos, text_of(bos))
    {
        tokenizer["post_processor"] = begins_with(&text, bos);
    }
    let well_known =
        (0u32..).zip(tokens.iter().zip(&kinds)).filter(|(_, (text, kind))| **kind == CONTROL && ENDS.contains(text));
    let ends =
        well_known.map(|(id, _)| id).chain(["eos", "eot", "eom"].iter().filter_map(|name| header.id(name))).collect();
    let chat_template = header.text("chat_template").map(str::to_owned);
    Ok((tokenizer, Conventions { bos: text_of(bos), eos: text_of(eos), ends, chat_template }))
}

fn begins_with(text: &str, id: u32) -> Json {
    json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": text, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {text: {"id": text, "ids": [id], "tokens": [text]}}
    })
}

/// Byte pairs over letters that stand for bytes.
fn letters(header: &Header<'_>, vocabulary: serde_json::Map<String, Json>) -> Result<Json, String> {
    let pre = header.text("ggml.pre").unwrap_or("default");
    let (expressions, whole_words): (&[&str], bool) = match pre {
        "default" => (&[PUNCTUATION, GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], false),
        "gpt-2" | "gpt2" | "phi-2" | "olmo" | "mpt" => (&[GPT2], false),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => (&[r"\p{N}", GPT2], false),
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => (&[LLAMA3], true),
        "qwen2" | "deepseek-r1-qwen" | "megrez" => (&[QWEN2], false),
        "tekken" => (&[TEKKEN], true),
        other => return Err(format!("its pre-tokenizer is {other}, which only the engine llama_cpp knows")),
    };
    let split = |expression: &&str| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
    let mut steps: Vec<Json> = expressions.iter().map(split).collect();
    steps.push(json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}));
    let merges: Vec<[&str; 2]> =
        header.texts("ggml.merges").iter().filter_map(|merge| merge.split_once(' ')).map(|(a, b)| [a, b]).collect();
    Ok(json!({
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges, "ignore_merges": whole_words},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
    }))
}

/// SentencePiece: pairs are joined in the order of the joined entry's score.
fn marks(header: &Header<'_>, tokens: &[&str], vocabulary: serde_json::Map<String, Json>) -> Json {
    let scores: Vec<f32> = match header.value("ggml.scores") {
        Some(Value::Array(scores)) => scores.iter().map(|score| score.to_f32().unwrap_or(0.0)).collect(),
        _ => Vec::new(),
    };
    let known: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
    let mut merges: Vec<(f32, [&str; 2])> = Vec::new();
    for (token, &score) in tokens.iter().zip(&scores) {
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if known.contains_key(left) && known.contains_key(right) {
                merges.push((score, [left, right]));
            }
        }
    }
    merges.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let merges: Vec<[&str; 2]> = merges.into_iter().map(|(_, pair)| pair).collect();
    let unknown = header.id("unknown").and_then(|id| tokens.get(id as usize)).copied().unwrap_or("<unk>");
    let mut normalizers = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})];
    if header.flag("ggml.add_space_prefix").unwrap_or(true) {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
    }
    json!({
        "model": {
            "type": "BPE", "vocab": vocabulary, "merges": merges, "unk_token": unknown, "fuse_unk": true,
            "byte_fallback": true
        },
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}]}
    })
}
