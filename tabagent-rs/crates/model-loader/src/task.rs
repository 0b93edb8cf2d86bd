//! What a model is for, in the hub's words (<https://huggingface.co/tasks>).

use crate::gguf::GgufHeader;

/// Continues text; with a chat template, answers conversations.
pub const TEXT_GENERATION: &str = "text-generation";
/// Answers about pictures.
pub const IMAGE_TEXT_TO_TEXT: &str = "image-text-to-text";
/// Turns text into a vector.
pub const FEATURE_EXTRACTION: &str = "feature-extraction";
/// Scores how well a text answers a query.
pub const TEXT_RANKING: &str = "text-ranking";
/// Puts text into classes.
pub const TEXT_CLASSIFICATION: &str = "text-classification";
/// Turns speech into text.
pub const SPEECH_RECOGNITION: &str = "automatic-speech-recognition";

/// `llama.h`'s `LLAMA_POOLING_TYPE_RANK`.
const POOLING_RANK: u64 = 4;

/// What a GGUF model is for. Architectures that only encode: `llama-arch.cpp`.
pub fn of_gguf(header: &GgufHeader, has_projector: bool) -> Option<&'static str> {
    let architecture = header.architecture.as_str();
    if matches!(header.kind.as_deref(), Some("mmproj" | "adapter" | "imatrix")) || architecture == "clip" {
        return None;
    }
    let encodes = architecture.ends_with("bert") || architecture.contains("-bert-") || architecture == "t5encoder";
    Some(match header.pooling_type {
        Some(POOLING_RANK) => TEXT_RANKING,
        Some(1..) => FEATURE_EXTRACTION,
        _ if encodes => FEATURE_EXTRACTION,
        _ if has_projector => IMAGE_TEXT_TO_TEXT,
        _ => TEXT_GENERATION,
    })
}

/// Whether a GGUF model makes one vector or score of a text.
pub(crate) fn is_pooled(header: &GgufHeader) -> bool {
    matches!(of_gguf(header, false), Some(FEATURE_EXTRACTION | TEXT_RANKING))
}

/// What a Transformers class is for, by the last words of its name.
pub(crate) fn of_class(class: &str, has_vision: bool) -> Option<&'static str> {
    const BY_SUFFIX: [(&str, &str); 17] = [
        ("ForCausalLM", TEXT_GENERATION),
        ("LMHeadModel", TEXT_GENERATION),
        ("ForImageTextToText", IMAGE_TEXT_TO_TEXT),
        ("ForVision2Seq", IMAGE_TEXT_TO_TEXT),
        ("ForSpeechSeq2Seq", SPEECH_RECOGNITION),
        ("ForCTC", SPEECH_RECOGNITION),
        ("ForSequenceClassification", TEXT_CLASSIFICATION),
        ("ForTokenClassification", "token-classification"),
        ("ForQuestionAnswering", "question-answering"),
        ("ForMaskedLM", "fill-mask"),
        ("ForSeq2SeqLM", "text2text-generation"),
        ("ForImageClassification", "image-classification"),
        ("ForObjectDetection", "object-detection"),
        ("ForSemanticSegmentation", "image-segmentation"),
        ("ForAudioClassification", "audio-classification"),
        ("ForZeroShotImageClassification", "zero-shot-image-classification"),
        ("ForTextToSpeech", "text-to-speech"),
    ];
    if ["Whisper", "Moonshine", "Speech2Text"].iter().any(|family| class.starts_with(family)) {
        return Some(SPEECH_RECOGNITION);
    }
    if class.ends_with("ForConditionalGeneration") {
        return Some(if has_vision { IMAGE_TEXT_TO_TEXT } else { "text2text-generation" });
    }
    let found = BY_SUFFIX.iter().find(|(suffix, _)| class.ends_with(suffix)).map(|(_, task)| *task);
    found.or_else(|| class.ends_with("Model").then_some(FEATURE_EXTRACTION))
}

/// What an ONNX graph without a config is for, by its inputs and outputs.
pub(crate) fn of_graph(inputs: &[String], outputs: &[String]) -> Option<&'static str> {
    let has = |names: &[String], part: &str| names.iter().any(|name| name.contains(part));
    if has(outputs, "logits") && (has(inputs, "past_key_values") || has(outputs, "present")) {
        Some(TEXT_GENERATION)
    } else if has(outputs, "last_hidden_state") || has(outputs, "embedding") {
        Some(FEATURE_EXTRACTION)
    } else if has(inputs, "input_ids") && has(outputs, "logits") {
        Some(TEXT_CLASSIFICATION)
    } else {
        None
    }
}

/// What one of MediaPipe's models is for; its files tell only by their names.
pub(crate) fn of_mediapipe(name: &str) -> Option<&'static str> {
    const BY_PART: [(&str, &str); 15] = [
        ("hand", "keypoint-detection"),
        ("pose", "keypoint-detection"),
        ("face", "keypoint-detection"),
        ("gesture", "image-classification"),
        ("segment", "image-segmentation"),
        ("deeplab", "image-segmentation"),
        ("efficientdet", "object-detection"),
        ("detector", "object-detection"),
        ("embedder", "image-feature-extraction"),
        ("efficientnet", "image-classification"),
        ("mobilenet", "image-classification"),
        ("yamnet", "audio-classification"),
        ("language", TEXT_CLASSIFICATION),
        ("sentence_encoder", FEATURE_EXTRACTION),
        ("bert", TEXT_CLASSIFICATION),
    ];
    let name = name.to_ascii_lowercase();
    BY_PART.iter().find(|(part, _)| name.contains(part)).map(|(_, task)| *task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_gguf_models() {
        let header = |architecture: &str| GgufHeader { architecture: architecture.into(), ..GgufHeader::default() };
        assert_eq!(of_gguf(&header("llama"), false), Some(TEXT_GENERATION));
        assert_eq!(of_gguf(&header("qwen2vl"), true), Some(IMAGE_TEXT_TO_TEXT));
        assert_eq!(of_gguf(&header("nomic-bert"), false), Some(FEATURE_EXTRACTION));
        assert_eq!(of_gguf(&header("jina-bert-v2"), false), Some(FEATURE_EXTRACTION));
        assert_eq!(of_gguf(&header("clip"), false), None);
        let pooled = |pooling| GgufHeader { pooling_type: Some(pooling), ..header("qwen3") };
        assert_eq!(of_gguf(&pooled(3), false), Some(FEATURE_EXTRACTION));
        assert_eq!(of_gguf(&pooled(4), false), Some(TEXT_RANKING));
        assert_eq!(of_gguf(&pooled(0), false), Some(TEXT_GENERATION));
    }

    #[test]
    fn of_transformers_classes() {
        assert_eq!(of_class("LlamaForCausalLM", false), Some(TEXT_GENERATION));
        assert_eq!(of_class("GPT2LMHeadModel", false), Some(TEXT_GENERATION));
        assert_eq!(of_class("WhisperForConditionalGeneration", false), Some(SPEECH_RECOGNITION));
        assert_eq!(of_class("MoonshineForConditionalGeneration", false), Some(SPEECH_RECOGNITION));
        assert_eq!(of_class("Gemma3ForConditionalGeneration", true), Some(IMAGE_TEXT_TO_TEXT));
        assert_eq!(of_class("T5ForConditionalGeneration", false), Some("text2text-generation"));
        assert_eq!(of_class("BertModel", false), Some(FEATURE_EXTRACTION));
        assert_eq!(of_class("Nonsense", false), None);
    }
}
