"""Speech recognition with Transformers: encoders with a CTC head, and encoder-decoders such as Whisper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from scipy.signal import resample_poly
from transformers import AutoConfig, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoProcessor

from backends.contract import LoadRequest, ModelInfo
from backends.media import required, sound
from backends.transformers.weights import describe, from_pretrained, processor


class SpeechRecognition:
    """One model that writes what is said."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._processor = processor(AutoProcessor, folder)
        self._rate = int(self._processor.feature_extractor.sampling_rate)
        self._writes = _is_encoder_decoder(folder)
        auto_class = AutoModelForSpeechSeq2Seq if self._writes else AutoModelForCTC
        self._model = from_pretrained(auto_class, folder, request)

    def info(self) -> ModelInfo:
        """What is loaded."""
        details = {"input": "audio", "sampling_rate": self._rate}
        return describe(self._model, context_length=0, actions=("infer",), details=details)

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """``{text}``."""
        samples, rate = sound(required(inputs, "audio"))
        if rate != self._rate:
            common = math.gcd(rate, self._rate)
            samples = resample_poly(samples, self._rate // common, rate // common).astype("float32")
        batch = self._processor(samples, sampling_rate=self._rate, return_tensors="pt")
        batch = batch.to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            if self._writes:
                language = {"language": parameters["language"]} if "language" in parameters else {}
                tokens = self._model.generate(**batch, **language)
            else:
                tokens = self._model(**batch).logits.argmax(dim=-1)
        return {"text": self._processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()}

    def close(self) -> None:
        """Nothing is held outside this process."""


def _is_encoder_decoder(folder: Path) -> bool:
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return bool(config.is_encoder_decoder)
