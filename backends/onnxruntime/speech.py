"""Speech recognition with ONNX graphs: one with a CTC head, or Whisper's encoder and decoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import EngineError, LoadRequest, ModelInfo, Steps
from backends.json_files import read_json
from backends.onnxruntime.graph import Graph
from backends.onnxruntime.whisper import WhisperGraphs
from backends.speech import ctc, whisper
from backends.speech.features import LogMel, normalised, preparation
from backends.speech.sound import Samples, heard
from backends.speech.transcript import transcribed, wish_of
from backends.speech.whisper_vocabulary import WhisperVocabulary
from backends.text.tokenizer import read_tokenizer


class SpeechRecognition:
    """One model that writes what is said."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        self._folders = [path.parent, path.parent.parent]
        self._config = read_json(self._folders, "config.json")
        self._preparation = preparation(self._folders)
        self._graphs: list[Graph] = []
        self._rate = int(self._preparation.get("sampling_rate", 16_000))
        kind = self._preparation.get("feature_extractor_type")
        if kind == "WhisperFeatureExtractor":
            self._recogniser: whisper.Recogniser | ctc.Recogniser = self._whisper(path, request)
        elif kind == "Wav2Vec2FeatureExtractor":
            self._recogniser = self._ctc(path, request)
        else:
            message = (
                f"The model's preprocessor_config.json asks for {kind or 'no features'}; this engine makes those of "
                "Wav2Vec2FeatureExtractor and WhisperFeatureExtractor."
            )
            raise EngineError("load_failed", message, path=str(path))

    def info(self) -> ModelInfo:
        """What is loaded."""
        return ModelInfo(
            architecture=str(self._config.get("model_type", "")),
            context_length=0,
            context_train_length=0,
            vocab_size=int(self._config.get("vocab_size", 0)),
            embedding_length=int(self._config.get("d_model", self._config.get("hidden_size", 0))),
            size_bytes=sum(graph.size for graph in self._graphs),
            chat_template=False,
            actions=("infer",),
            details={"provider": self._graphs[0].provider, "input": "audio", "sampling_rate": self._rate},
        )

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Steps:
        """``{text}``, and ``chunks``."""
        return transcribed(self._recogniser, heard(inputs, self._rate), wish_of(parameters))

    def close(self) -> None:
        """Nothing is held outside this process."""

    def _whisper(self, path: Path, request: LoadRequest) -> whisper.Recogniser:
        graphs = WhisperGraphs(path, request)
        self._graphs = graphs.all
        features = LogMel(self._preparation)
        positions = int(self._config.get("max_target_positions", 448))
        shape = whisper.Shape(
            length=features.length,
            rate=features.rate,
            positions=positions,
            step_s=features.length / features.rate / int(self._config.get("max_source_positions", 1500)),
        )
        vocabulary = WhisperVocabulary(self._folders, read_tokenizer(self._folders))
        return whisper.Recogniser(vocabulary, shape, lambda window: graphs.listen(features(window)))

    def _ctc(self, path: Path, request: LoadRequest) -> ctc.Recogniser:
        graph = Graph(path, request)
        self._graphs = [graph]
        takes = "input_values" if "input_values" in graph.inputs else graph.inputs[0]
        gives = "logits" if "logits" in graph.outputs else graph.outputs[0]

        def classes(samples: Samples) -> NDArray[Any]:
            wave = (normalised(samples) if self._preparation.get("do_normalize", True) else samples)[np.newaxis]
            logits: NDArray[Any] = graph.run({takes: wave, "attention_mask": np.ones(wave.shape, np.int64)})[gives][0]
            return logits

        return ctc.Recogniser(self._folders, self._rate, classes)
