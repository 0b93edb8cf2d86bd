"""Models that see and hear, of random numbers: no registry carries real ones of this kind in safetensors."""

from __future__ import annotations

from pathlib import Path

from tests.weights import made
from tests.weights.run import python

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


def sees() -> Path:
    """A classifier of pictures."""
    return made("tiny-vit", 1, lambda folder: python("-c", _SEES, str(folder))) / "model.safetensors"


def hears() -> Path:
    """A recogniser of speech with a CTC head."""
    return made("tiny-wav2vec2", 1, lambda folder: python("-c", _HEARS, str(folder))) / "model.safetensors"
