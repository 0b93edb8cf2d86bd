//! Listings as repositories really have them.

use super::*;

fn entries(paths: &[&str]) -> Vec<Entry> {
    paths.iter().map(|path| Entry { path: (*path).to_owned(), ..Entry::default() }).collect()
}

fn found(paths: &[&str], wanted: Option<&str>) -> Package {
    find(&entries(paths), wanted).expect("a model")
}

fn paths(package: &Package) -> Vec<&str> {
    package.files.iter().map(|entry| entry.path.as_str()).collect()
}

const MANY: [&str; 5] = ["README.md", "m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-q4_0.gguf"];

#[test]
fn a_quantisation_is_found_in_any_case_and_as_a_word() {
    assert_eq!(found(&MANY, None).entry, "m-Q4_K_M.gguf");
    assert_eq!(found(&MANY, Some("q8_0")).entry, "m-Q8_0.gguf");
    assert_eq!(found(&MANY, Some("Q4_0")).entry, "m-q4_0.gguf");
    assert_eq!(found(&MANY, Some("m-Q2_K.gguf")).entry, "m-Q2_K.gguf");
    let refused = find(&entries(&MANY), Some("Q4_K")).expect_err("no such word");
    assert!(refused.contains("no Q4_K") && refused.contains("m-Q4_K_M.gguf"), "{refused}");
}

#[test]
fn parts_come_together_with_their_projector() {
    let split = ["m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf"];
    let package = found(&split, None);
    assert_eq!(paths(&package), ["m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "mmproj-F16.gguf"]);
    assert_eq!(package.missing, ["m-Q8_0-00002-of-00003.gguf"]);
    assert_eq!(package.projector.as_deref(), Some("mmproj-F16.gguf"));
}

#[test]
fn h7_companions_are_no_models() {
    for companion in [
        "imatrix.gguf",
        "M.imatrix.gguf",
        "imatrix_unsloth.gguf",
        "mtp-M-Q4_K_M.gguf",
        "M-draft-Q4_K_M.gguf",
        "eagle3-M.gguf",
        "M-LoRA-F16.gguf",
        "adapter.gguf",
        "mmproj-Q4_K_M.gguf",
        "a/mmproj.gguf",
        "projector-F16.gguf",
    ] {
        let listing = [companion, "z/M-Q4_K_M.gguf", "z/M-Q8_0.gguf"];
        assert_eq!(found(&listing, None).entry, "z/M-Q4_K_M.gguf", "{companion}");
        assert_eq!(found(&listing, Some("Q4_K_M")).entry, "z/M-Q4_K_M.gguf", "{companion}");
        assert_eq!(find_all(&entries(&listing)).len(), 2, "{companion}");
        assert_eq!(found(&listing, Some(companion)).entry, companion, "by its name it is found");
        let alone = find(&entries(&[companion, "README.md"]), None);
        assert_eq!(alone.is_ok(), !is_part(companion), "{companion}: an adapter or a draft may be asked for alone");
    }
    for model in ["Draftsman-7B.gguf", "lorax.gguf", "eagle-7B.gguf", "lora/M.gguf", "Q8_0/imatrix/M.gguf"] {
        assert_eq!(found(&["z.gguf", model], Some(model)).entry, model);
        assert_eq!(find_all(&entries(&[model])).len(), 1, "{model}");
    }
    let beside = found(&["M.gguf", "projector-F16.gguf", "imatrix.gguf"], None);
    assert_eq!(paths(&beside), ["M.gguf", "projector-F16.gguf"]);
}

#[test]
fn a_later_part_alone_is_no_whole_model() {
    let package = found(&["m-00002-of-00002.gguf"], None);
    assert_eq!(package.missing, ["m-00001-of-00002.gguf"]);
}

#[test]
fn safetensors_bring_their_configuration_and_nothing_that_runs() {
    let listing = [
        "config.json",
        "model.safetensors",
        "modeling_evil.py",
        "pytorch_model.bin",
        "tokenizer.json",
        "onnx/model.onnx",
        "onnx/config.json",
        "chat_template.jinja",
        "adapter_model.safetensors",
    ];
    let package = found(&listing, None);
    assert_eq!(package.model_type, ModelType::Safetensors);
    assert_eq!(paths(&package), ["model.safetensors", "chat_template.jinja", "config.json", "tokenizer.json"]);
}

#[test]
fn shards_are_counted() {
    let listing = ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json"];
    let package = found(&listing, None);
    assert_eq!(package.missing, ["model-00002-of-00002.safetensors"]);
    assert_eq!(paths(&package).len(), 3);
}

#[test]
fn onnx_brings_its_external_data() {
    let listing = ["config.json", "onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_q4.onnx", "tokenizer.json"];
    let package = found(&listing, None);
    assert_eq!(paths(&package), ["onnx/model.onnx", "onnx/model.onnx_data", "config.json", "tokenizer.json"]);
    assert_eq!(found(&listing, Some("model_q4.onnx")).entry, "onnx/model_q4.onnx");
    let genai = found(&["genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json"], None);
    assert_eq!((genai.model_type, genai.files.len()), (ModelType::OnnxGenai, 4));
}

#[test]
fn an_encoder_comes_with_its_decoder() {
    let listing = [
        "config.json",
        "onnx/decoder_model.onnx",
        "onnx/decoder_model_merged.onnx",
        "onnx/decoder_model_merged_q4.onnx",
        "onnx/decoder_with_past_model.onnx",
        "onnx/encoder_model.onnx",
        "onnx/encoder_model_q4.onnx",
        "onnx/encoder_model_q4.onnx_data",
        "tokenizer.json",
    ];
    let beside = ["config.json", "tokenizer.json"];
    let plain = ["onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"];
    assert_eq!(paths(&found(&listing, None)), [&plain[..], &beside].concat());
    let small = ["onnx/encoder_model_q4.onnx", "onnx/decoder_model_merged_q4.onnx", "onnx/encoder_model_q4.onnx_data"];
    assert_eq!(paths(&found(&listing, Some("encoder_model_q4.onnx"))), [&small[..], &beside].concat());
    let pair = ["decoder_model.onnx", "decoder_with_past_model.onnx", "encoder_model.onnx"];
    assert_eq!(
        paths(&found(&pair, None)),
        ["encoder_model.onnx", "decoder_with_past_model.onnx", "decoder_model.onnx"]
    );
    assert_eq!(paths(&found(&["decoder_model_merged.onnx"], None)), ["decoder_model_merged.onnx"]);
}

#[test]
fn other_kinds() {
    for (listing, kind) in [
        (["a.litertlm", "b.task"], ModelType::LitertLm),
        (["x.task", "x.tflite"], ModelType::Task),
        (["x.tflite", "labels.txt"], ModelType::Tflite),
        (["saved_model.pb", "variables/variables.index"], ModelType::TensorFlow),
        (["pytorch_model.bin", "config.json"], ModelType::PyTorch),
    ] {
        assert_eq!(found(&listing, None).model_type, kind);
    }
    assert!(find(&entries(&["README.md"]), None).is_err());
    assert!(find(&[], None).is_err());
}

#[test]
fn names_that_lead_away_refuse_the_whole() {
    for evil in ["../x", "a/../../x", "..\\x", "C:x", "//h/s", "a/b:stream", "/etc/passwd", "x\0.json"] {
        let refused = find(&entries(&["model.gguf", evil]), None).expect_err(evil);
        assert!(refused.contains("names a file"), "{refused}");
    }
    for evil in ["CON.json", "x. .json ", &format!("{}.json", "x".repeat(300))] {
        let mut listing = entries(&["model.safetensors", "config.json"]);
        listing.push(Entry { path: evil.to_owned(), ..Entry::default() });
        if evil.ends_with(".json") {
            assert!(find(&listing, None).expect_err(evil).contains("needs a file"));
        }
    }
    let cases = ["model.safetensors", "Config.json", "config.json"];
    assert!(find(&entries(&cases), None).expect_err("two in one").contains("case"));
}

#[test]
fn ten_thousand_models_in_a_folder_are_found_at_once() {
    let names: Vec<String> = (0..10_000).map(|number| format!("model-{number}.gguf")).collect();
    let entries: Vec<Entry> = names.into_iter().map(|path| Entry { path, ..Entry::default() }).collect();
    let began = std::time::Instant::now();
    assert_eq!(find_all(&entries).len(), 10_000);
    assert!(began.elapsed().as_secs() < 20, "looked at every file for every file");
}
