"""A classifier of MiniLM's body with a head of random numbers: no registry carries a real one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tabagent_weights import made
from tabagent_weights.packages import minilm_safetensors
from tabagent_weights.run import python

_PROGRAM = """
import sys, torch
from transformers import AutoModelForSequenceClassification
torch.manual_seed(1)
source, target, labels = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=labels)
torch.nn.init.normal_(model.classifier.weight, std=0.5)
model.save_pretrained(target)
"""


def made_for(*, labels: int) -> Path:
    """A folder; with a single label it ranks, with more it classifies."""

    def make(folder: Path) -> None:
        python("-c", _PROGRAM, str(minilm_safetensors()), str(folder), str(labels))
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
            shutil.copy(minilm_safetensors() / name, folder)

    return made(f"tiny-bert-{labels}", 1, make)
