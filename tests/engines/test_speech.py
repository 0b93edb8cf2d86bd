"""Speech: what is decoded is what Transformers' own parts say, on every engine, in short sounds and in long ones."""

from __future__ import annotations

import base64
import math
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.contract import EngineError, LoadRequest, Steps
from backends.onnxruntime.engine import OnnxRuntimeEngine
from backends.speech.features import LogMel
from backends.speech.sound import windows
from backends.transformers.engine import TransformersEngine
from tabagent_weights import speech_onnx, tiny_senses
from tests.sounds import wav
from tests.support import Installation, eventually

RATE = 16_000
LANGUAGES = ("en", "de", "ja")
WHISPERS = {
    "transformers": tiny_senses.whispers,
    "onnx": speech_onnx.whispers,
    "onnx-merged": speech_onnx.whispers_merged,
}
HEARS = {"transformers": tiny_senses.hears, "onnx": speech_onnx.hears}


def siren(seconds: float) -> NDArray[np.float32]:
    """A tone that changes, so that no part is like another."""
    at = np.arange(int(seconds * RATE)) / RATE
    return (np.sin(at * 220 * math.tau * (1 + at % 3)) * 0.5).astype(np.float32)


def encoded(samples: NDArray[Any], rate: int = RATE) -> str:
    return base64.b64encode(wav(samples.tolist(), rate)).decode()


def loaded(path: Path) -> Any:
    is_onnx = path.suffix == ".onnx"
    engine = OnnxRuntimeEngine() if is_onnx else TransformersEngine()
    kind = "onnx" if is_onnx else "safetensors"
    request = LoadRequest(
        path=path, cache_dir=path.parent, format=kind, task="automatic-speech-recognition", device="cpu", threads=1
    )
    engine.load(request, lambda _: None)
    return engine


@pytest.fixture(scope="module")
def whispers() -> dict[str, Any]:
    return {name: loaded(make()) for name, make in WHISPERS.items()}


@pytest.fixture(scope="module")
def hears() -> dict[str, Any]:
    return {name: loaded(make()) for name, make in HEARS.items()}


def said(engine: Any, seconds: float, **parameters: Any) -> dict[str, Any]:
    return written(engine.infer({"audio": encoded(siren(seconds))}, parameters))


def written(steps: Steps) -> Any:
    """The answer at the end of the steps, which go forward."""
    last = -1
    while True:
        try:
            done, total, unit = next(steps)
        except StopIteration as end:
            return end.value
        assert last <= done <= total
        assert unit == "seconds"
        last = done


# ---------------------------------------------------------------------------------------------- Whisper


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("timestamps", [False, True])
def test_whisper_decodes_as_transformers_own_rules_say(
    whispers: dict[str, Any], language: str, *, timestamps: bool
) -> None:
    """Without a cache and with Transformers' logits processors, token by token."""
    import torch  # noqa: PLC0415  # seconds that listing tests does without
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration  # noqa: PLC0415
    from transformers.generation import logits_process as rules  # noqa: PLC0415

    folder = tiny_senses.whispers().parent
    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    features = WhisperFeatureExtractor.from_pretrained(folder)(siren(4.5), sampling_rate=RATE, return_tensors="pt")
    recogniser = whispers["transformers"]._loaded._recogniser
    opening = recogniser._vocabulary.opening(language, timestamps=timestamps)
    config = model.generation_config
    processors: list[Any] = [
        rules.SuppressTokensLogitsProcessor(config.suppress_tokens),
        rules.SuppressTokensAtBeginLogitsProcessor(config.begin_suppress_tokens, len(opening)),
    ]
    if timestamps:
        processors.append(rules.WhisperTimeStampLogitsProcessor(config, begin_index=len(opening)))
    ids = list(opening)
    with torch.inference_mode():
        while len(ids) < len(opening) + model.config.max_target_positions // 2:
            before = torch.tensor([ids])
            logits = model(input_features=features.input_features, decoder_input_ids=before).logits[:, -1]
            for processor in processors:
                logits = processor(before, logits)
            if int(logits.argmax()) == config.eos_token_id:
                break
            ids.append(int(logits.argmax()))
    decoding = recogniser._decode(siren(4.5), language, with_times=timestamps)
    while True:
        try:
            next(decoding)
        except StopIteration as end:
            ours, _ = end.value
            break
    assert ours == ids[len(opening) :]
    assert len(ours) > 8


@pytest.mark.parametrize("seconds", [0.01, 1, 5, 33])
def test_whisper_is_the_same_on_every_engine(whispers: dict[str, Any], seconds: float) -> None:
    for parameters in ({}, {"language": "ja"}, {"return_timestamps": True}):
        answers = [said(engine, seconds, **parameters) for engine in whispers.values()]
        assert answers[0]["text"]
        assert answers[1:] == answers[:1] * 2, parameters


def test_whisper_hears_a_long_sound_to_its_end(whispers: dict[str, Any]) -> None:
    answer = said(whispers["onnx"], 33, return_timestamps=True)
    times = [chunk["timestamp"] for chunk in answer["chunks"]]
    assert all(begin <= end for begin, end in times)
    assert all(one[1] <= other[0] for one, other in pairwise(times))
    assert times[0][0] < 5
    assert 28 < times[-1][1] <= 33
    assert "".join(chunk["text"] for chunk in answer["chunks"]).strip() == answer["text"]
    assert said(whispers["onnx"], 33) == {"text": answer["text"]}


def test_a_sentence_that_a_window_cuts_is_heard_again(whispers: dict[str, Any]) -> None:
    recogniser = whispers["transformers"]._loaded._recogniser
    time = recogniser._vocabulary.times
    window = 5 * RATE

    def cut(*tokens: int) -> tuple[list[tuple[float, float]], float]:
        sentences, heard = recogniser._sentences(list(tokens), window)
        return [(round(begin, 2), round(end, 2)) for _, begin, end in sentences], heard / RATE

    assert cut(time, 65, time + 100, time + 100, 66) == ([(0, 2)], 2)
    assert cut(time, 65, time + 100, time + 150, 66, time + 200) == ([(0, 2), (3, 4)], 5)
    assert cut(time + 50, 65, time + 100) == ([(1, 2)], 5)
    assert cut(time, 65) == ([(0, 5)], 5)
    assert cut(65, 66) == ([(0, 5)], 5)
    assert cut(time, 65, time, time, 66)[1] == 5, "every window moves on"


def test_languages(whispers: dict[str, Any], hears: dict[str, Any]) -> None:
    for engine in whispers.values():
        assert len({said(engine, 3, language=language)["text"] for language in LANGUAGES}) > 1
        assert said(engine, 3, language="en-GB") == said(engine, 3, language="en")
        with pytest.raises(EngineError, match="one of de, en, ja") as refused:
            said(engine, 3, language="xx")
        assert refused.value.code == "bad_param"
    for engine in hears.values():
        with pytest.raises(EngineError, match="one language") as refused:
            said(engine, 3, language="en")
        assert refused.value.code == "bad_param"


# ---------------------------------------------------------------------------------------------- CTC


def test_ctc_is_the_same_on_every_engine_and_what_transformers_writes(hears: dict[str, Any]) -> None:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCTC, AutoProcessor  # noqa: PLC0415

    folder = tiny_senses.hears().parent
    processor = AutoProcessor.from_pretrained(folder)
    heard = np.round(siren(3) * 32767).astype(np.int16).astype(np.float32) / 32768
    batch = processor(heard, sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        best = AutoModelForCTC.from_pretrained(folder).eval()(**batch).logits.argmax(dim=-1)
    theirs = re.sub("<[a-z/]+>", "", processor.batch_decode(best, skip_special_tokens=False)[0])
    ours = said(hears["transformers"], 3)["text"]
    assert len(ours) > 100
    assert ours.split() == theirs.split()
    for seconds in (0.01, 3, 70):
        assert said(hears["transformers"], seconds) == said(hears["onnx"], seconds)


def test_ctc_tells_when_each_word_is_said(hears: dict[str, Any]) -> None:
    answer = said(hears["onnx"], 3, return_timestamps=True)
    times = [chunk["timestamp"] for chunk in answer["chunks"]]
    assert "".join(chunk["text"] for chunk in answer["chunks"]).strip() == answer["text"]
    assert all(begin <= end for begin, end in times)
    assert all(one[1] <= other[0] for one, other in pairwise(times))
    assert 2 < times[-1][1] <= 3


@pytest.mark.parametrize("length", [1, 29, 30, 31, 49, 50, 51, 70, 1000])
def test_windows_count_every_sample_once(length: int) -> None:
    samples = np.arange(length, dtype=np.float32)
    parts = [window.samples[window.begin : window.end] for window in windows(samples, 30, 5)]
    assert np.concatenate(parts).tolist() == samples.tolist()
    assert all(len(window.samples) <= 30 for window in windows(samples, 30, 5))


# ---------------------------------------------------------------------------------------------- input


@pytest.mark.parametrize("bands", [80, 128])
def test_spectrograms_are_those_of_transformers(bands: int) -> None:
    from transformers import WhisperFeatureExtractor  # noqa: PLC0415

    theirs = WhisperFeatureExtractor(feature_size=bands)(siren(7), sampling_rate=RATE, return_tensors="np")
    ours = LogMel({"feature_size": bands})(siren(7))
    assert ours.shape == theirs.input_features.shape
    assert float(np.abs(ours - theirs.input_features).max()) < 1e-4


def test_other_rates_and_bad_sounds(whispers: dict[str, Any]) -> None:
    engine = whispers["onnx"]
    at = np.arange(44_100) / 44_100
    assert written(engine.infer({"audio": encoded(np.sin(at * 220 * math.tau), 44_100)}, {}))["text"]
    for inputs in ({}, {"audio": "no base64!"}, {"audio": base64.b64encode(b"no sound").decode()}, {"text": "x"}):
        with pytest.raises(EngineError) as refused:
            engine.infer(inputs, {})
        assert refused.value.code == "bad_param"


@pytest.mark.parametrize(
    "gone", ["tokenizer.json", "preprocessor_config.json", "decoder_model.onnx", "decoder_with_past_model.onnx"]
)
def test_what_is_not_whole_is_refused(tmp_path: Path, gone: str) -> None:
    for file in speech_onnx.whispers().parent.iterdir():
        if file.name != gone:
            shutil.copy(file, tmp_path)
    with pytest.raises(EngineError) as refused:
        loaded(tmp_path / "encoder_model.onnx")
    assert refused.value.code == "load_failed"


def test_a_vocabulary_of_another_form_is_refused(tmp_path: Path) -> None:
    for file in speech_onnx.hears().parent.iterdir():
        shutil.copy(file, tmp_path)
    for content in ('{"eng": {"a": 1}}', '{"model": 3}', "[]"):
        (tmp_path / "vocab.json").write_text(content)
        if "model" in content:
            (tmp_path / "vocab.json").rename(tmp_path / "tokenizer.json")
        with pytest.raises(EngineError) as refused:
            loaded(tmp_path / "model.onnx")
        assert refused.value.code == "load_failed", content


# ---------------------------------------------------------------------------------------------- through the host


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    installation = Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")))
    yield installation
    installation.stop()
    shutil.rmtree(installation.root, ignore_errors=True)


def test_a_long_sound_tells_how_far_it_is_and_can_be_cancelled(installation: Installation) -> None:
    fields = {"model": str(tiny_senses.whispers())}
    long = {"audio": encoded(np.tile(siren(3)[::2], 130), RATE // 2)}
    with installation.host() as host:
        request = host.send("infer", inputs=long, **fields)
        events = host.events(request)
        told = next(event for event in events if event.get("stage") == "inferring")
        assert (told["total"], told["unit"]) == (390, "seconds")
        assert 0 <= told["done"] <= 390
        (model,) = host.result("status")["result"]["models"]
        assert host.result("cancel", target=request)["result"]["cancelled"]
        assert [event["event"] for event in events][-1] == "cancelled"
        eventually(lambda: is_idle(model["pid"]))
        parameters = {"return_timestamps": True, "language": "de"}
        last = host.result("infer", inputs={"audio": encoded(siren(3))}, parameters=parameters, **fields)
        assert last["result"]["output"]["chunks"]
        assert host.result("status")["result"]["models"][0]["pid"] == model["pid"], "the worker itself went on"


def is_idle(pid: int) -> bool:
    """Whether the process computes nothing for a moment."""

    def computed() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = computed()
    time.sleep(0.3)
    return computed() - before <= 1
