"""Speech recognition with Transformers: encoders with a CTC head, and Whisper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from transformers import (
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    DynamicCache,
    EncoderDecoderCache,
)
from transformers.modeling_outputs import BaseModelOutput

from backends.contract import EngineError, LoadRequest, ModelInfo, Steps
from backends.speech import ctc, whisper
from backends.speech.sound import Samples, heard
from backends.speech.transcript import transcribed, wish_of
from backends.speech.whisper_vocabulary import WhisperVocabulary
from backends.transformers.tokenizer import bare_tokenizer
from backends.transformers.weights import describe, from_pretrained, processor, read_config


class SpeechRecognition:
    """One model that writes what is said."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        config = read_config(folder)
        is_whisper = config.model_type == "whisper"
        if config.is_encoder_decoder and not is_whisper:
            message = f"This engine does not write down speech with {config.model_type}; take a Whisper model."
            raise EngineError("unsupported_architecture", message, architecture=config.model_type)
        self._model = from_pretrained(AutoModelForSpeechSeq2Seq if is_whisper else AutoModelForCTC, folder, request)
        self._extractor = processor(AutoFeatureExtractor, folder)
        self._rate = int(self._extractor.sampling_rate)
        self._recogniser: whisper.Recogniser | ctc.Recogniser = (
            self._whisper(folder) if is_whisper else ctc.Recogniser([folder], self._rate, self._classes)
        )

    def info(self) -> ModelInfo:
        """What is loaded."""
        details = {"input": "audio", "sampling_rate": self._rate}
        return describe(self._model, context_length=0, actions=("infer",), details=details)

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Steps:
        """``{text}``, and ``chunks``."""
        return transcribed(self._recogniser, heard(inputs, self._rate), wish_of(parameters))

    def close(self) -> None:
        """Nothing is held outside this process."""

    def _whisper(self, folder: Path) -> whisper.Recogniser:
        config, extractor = self._model.config, self._extractor
        shape = whisper.Shape(
            length=extractor.n_samples,
            rate=self._rate,
            positions=config.max_target_positions,
            step_s=extractor.chunk_length / config.max_source_positions,
        )
        vocabulary = WhisperVocabulary([folder], bare_tokenizer(folder))
        return whisper.Recogniser(vocabulary, shape, lambda window: Listener(self._model, self._features(window)))

    def _classes(self, samples: Samples) -> NDArray[Any]:
        with torch.inference_mode():
            classes: NDArray[Any] = self._model(**self._features(samples)).logits[0].float().cpu().numpy()
        return classes

    def _features(self, samples: Samples) -> Any:
        batch = self._extractor(samples, sampling_rate=self._rate, return_tensors="pt")
        return batch.to(self._model.device, self._model.dtype)


class Listener:
    """A window that Whisper writes down."""

    def __init__(self, model: Any, features: Any) -> None:
        self._model = model
        with torch.inference_mode():
            self._heard = model.get_encoder()(features["input_features"]).last_hidden_state
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows."""
        ids = torch.tensor([list(tokens)], device=self._model.device)
        with torch.inference_mode():
            out = self._model(
                encoder_outputs=BaseModelOutput(self._heard),
                decoder_input_ids=ids,
                past_key_values=self._cache,
                use_cache=True,
            )
            logits: NDArray[Any] = out.logits[0, -1].float().cpu().numpy()
        return logits
