"""Models that see and hear, of random numbers: no registry carries real ones of this kind in safetensors."""

from __future__ import annotations

from pathlib import Path

from tabagent_weights import made
from tabagent_weights.run import python

_SEES = """
import sys, torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil
torch.manual_seed(1)
config = ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32,
                   patch_size=8, num_labels=3, id2label={0: "cat", 1: "dog", 2: "bird"})
ViTForImageClassification(config).save_pretrained(sys.argv[1])
ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(sys.argv[1])
"""
_HEARS = """
import json, sys, torch
from pathlib import Path
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
from transformers import Wav2Vec2Processor
torch.manual_seed(1)
letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefgh"]
Path(sys.argv[1], "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
config = Wav2Vec2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                        conv_dim=(16, 16, 16), conv_stride=(5, 4, 4), conv_kernel=(10, 4, 4), num_feat_extract_layers=3,
                        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, vocab_size=len(letters))
Wav2Vec2ForCTC(config).save_pretrained(sys.argv[1])
tokenizer = Wav2Vec2CTCTokenizer(str(Path(sys.argv[1], "vocab.json")))
Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(sys.argv[1])
"""

_WHISPERS = """
import sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, PreTrainedTokenizerFast, WhisperConfig, WhisperFeatureExtractor
from transformers import WhisperForConditionalGeneration
torch.manual_seed(4)
alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
languages = ["<|en|>", "<|de|>", "<|ja|>"]
controls = ["<|endoftext|>", "<|startoftranscript|>", *languages, "<|translate|>", "<|transcribe|>", "<|nospeech|>",
            "<|notimestamps|>"]
tokenizer.add_special_tokens(controls)
tokenizer.add_tokens([f"<|{number * 0.02:.2f}|>" for number in range(251)])
number = tokenizer.token_to_id
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
fast.save_pretrained(sys.argv[1])
WhisperFeatureExtractor(chunk_length=5).save_pretrained(sys.argv[1])
tokens = {"eos_token_id": number("<|endoftext|>"), "pad_token_id": number("<|endoftext|>"),
          "bos_token_id": number("<|endoftext|>"), "decoder_start_token_id": number("<|startoftranscript|>")}
config = WhisperConfig(vocab_size=tokenizer.get_vocab_size(), d_model=32, encoder_layers=1, decoder_layers=2,
                       encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
                       max_source_positions=250, max_target_positions=64, init_std=0.4, begin_suppress_tokens=None,
                       suppress_tokens=None, **tokens)
model = WhisperForConditionalGeneration(config)
model.generation_config = GenerationConfig(
    **tokens, is_multilingual=True, max_length=64, no_timestamps_token_id=number("<|notimestamps|>"),
    lang_to_id={language: number(language) for language in languages},
    task_to_id={task: number(f"<|{task}|>") for task in ("translate", "transcribe")},
    suppress_tokens=[number(control) for control in controls[1:]], begin_suppress_tokens=[number("<|endoftext|>")],
    max_initial_timestamp_index=50)
model.save_pretrained(sys.argv[1])
"""


def sees() -> Path:
    """A classifier of pictures."""
    return made("tiny-vit", 1, lambda folder: python("-c", _SEES, str(folder))) / "model.safetensors"


def hears() -> Path:
    """A recogniser of speech with a CTC head."""
    return made("tiny-wav2vec2", 1, lambda folder: python("-c", _HEARS, str(folder))) / "model.safetensors"


def whispers() -> Path:
    """A recogniser of speech of Whisper's kind: three languages, windows of five seconds."""
    return made("tiny-whisper", 2, lambda folder: python("-c", _WHISPERS, str(folder))) / "model.safetensors"
