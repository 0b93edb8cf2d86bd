"""candle on real weights: SmolLM2 as float32 safetensors and as GGUF."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tabagent_model import (
    Cancelled,
    CandleModel,
    ContextOverflow,
    CorruptModel,
    DeviceUnavailable,
    InvalidParameter,
    LoadFailed,
    ModelNotFound,
    PyModel,
    TokenizerNotFound,
    UnknownArchitecture,
)

from backends.candle.engine import CandleEngine
from backends.contract import Conversation, LoadRequest, Sampling
from tabagent_weights import smollm2
from tests.support import seeds

QUESTION = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
PROMPTS = (
    "The capital of France is",
    "Once upon a time",
    "def fibonacci(n):",
    "1, 2, 3, 4,",
    "The quick brown fox",
    "Water boils at",
    "import numpy as np\n",
    "In 1969, humans",
    "Dear Sir or Madam,",
    "El perro come",
    "Photosynthesis is the process",
    "SELECT name FROM",
    "To make bread, you need",
    "The meaning of life",
    "<html>\n<head>",
    "A recipe for tomato soup:\n\n1.",
    "Newton's first law says",
    "Zürich ist eine Stadt",
    "日本の首都は",
    "She opened the door and 😀",
)
SURE = 0.01
"""llama.cpp keeps keys and values as half floats; logits nearer to each other than this can change places."""


@pytest.fixture(scope="module")
def of_gguf() -> Iterator[CandleModel]:
    with CandleModel() as model:
        model.load(smollm2.gguf("F32"), device="cpu", context_length=2048)
        yield model


@pytest.fixture(scope="module")
def llama(library: str) -> Iterator[PyModel]:
    with PyModel() as model:
        model.load(library, smollm2.gguf("F32"), context_length=2048)
        yield model


def greedy(model: CandleModel | PyModel, prompt: list[int], tokens: int = 16) -> list[int]:
    return model.generate(prompt, max_tokens=tokens, temperature=0).tokens


def long_prompt(model: CandleModel, tokens: int) -> list[int]:
    return model.tokenize("The quick brown fox jumps over the lazy dog. " * tokens)[:tokens]


@pytest.mark.parametrize("number", seeds(1, len(PROMPTS)))
def test_greedy_answers_are_llama_cpp_s(candle: CandleModel, of_gguf: CandleModel, llama: PyModel, number: int) -> None:
    tokens = llama.tokenize(PROMPTS[number])
    ours, theirs = greedy(candle, tokens), greedy(llama, tokens)
    assert ours == greedy(of_gguf, tokens)
    differ = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    if differ is not None:
        logits = llama.next_logits(tokens + ours[:differ])
        assert abs(logits[ours[differ]] - logits[theirs[differ]]) < SURE


def test_a_gguf_vocabulary_reads_text_as_llama_cpp_does(of_gguf: CandleModel, llama: PyModel) -> None:
    others = ("a  b\t\tc\r\n\r\n", "it's WE'LL 12345 x1y2", "\u200bzero\ufeff", "e\u0301", QUESTION, " ", "🦙" * 9)
    for text in PROMPTS + others:
        for parse_special in (False, True):
            tokens = of_gguf.tokenize(text, parse_special=parse_special)
            assert tokens == llama.tokenize(text, parse_special=parse_special), text
            assert of_gguf.detokenize(tokens, special=True) == text
    assert of_gguf.special_tokens() == llama.special_tokens()
    assert of_gguf.chat_template == llama.chat_template
    facts = ("token_bos", "token_eos", "should_add_bos", "vocab_size", "context_train_size", "embedding_dim")
    assert [getattr(of_gguf, name) for name in facts] == [getattr(llama, name) for name in facts]


def test_it_answers(candle: CandleModel) -> None:
    prompt = candle.tokenize(QUESTION, parse_special=True)
    stream = candle.stream(prompt, max_tokens=32, temperature=0)
    assert "".join(stream) == "The capital of France is Paris."
    done = stream.completion
    assert (done.finish_reason, done.prompt_tokens, done.completion_tokens) == ("stop", len(prompt), 7)
    assert stream.progress == (len(prompt), len(prompt))
    assert done.timings["prefill_ms"] > 0
    assert candle.generate(prompt, temperature=0, stop="France").text == "The capital of "


def test_content_never_becomes_a_control_token(candle: CandleModel) -> None:
    special = candle.special_tokens()
    assert "<|im_end|>" in special
    assert not set(special.values()) & set(candle.tokenize("".join(special)))


def test_a_seed_repeats(candle: CandleModel) -> None:
    prompt = candle.tokenize("Once upon a time")
    draw = [candle.generate(prompt, max_tokens=8, temperature=1.0, seed=seed).tokens for seed in (7, 7, 8)]
    assert draw[0] == draw[1] != draw[2]


def test_what_a_prompt_shares_with_an_earlier_one_is_not_computed_again(candle: CandleModel) -> None:
    prompt = long_prompt(candle, 300)
    assert candle.generate(prompt, max_tokens=1, temperature=0).prompt_tokens == 300
    again = candle.generate([*prompt, 33], max_tokens=1, temperature=0)
    assert again.cached_tokens == 300
    assert candle.generate(prompt, max_tokens=1, temperature=0.5, seed=1).cached_tokens == 0


def test_four_at_once_answer_as_one_alone(candle: CandleModel) -> None:
    prompts = [candle.tokenize(prompt) for prompt in PROMPTS[:4]]
    alone = [candle.generate(prompt, max_tokens=12, temperature=0).text for prompt in prompts]
    streams = [candle.stream(prompt, max_tokens=12, temperature=0) for prompt in prompts]
    texts = [""] * 4

    def read(at: int) -> None:
        texts[at] = "".join(streams[at])

    threads = [threading.Thread(target=read, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == alone


@pytest.mark.parametrize("tokens", [1500, 5])
def test_cancelling_ends_prefill_and_decode(candle: CandleModel, tokens: int) -> None:
    prompt = [*candle.tokenize(f"Cancel {tokens}. "), *long_prompt(candle, tokens)]
    stream = candle.stream(prompt, max_tokens=400, temperature=0)
    if tokens < 10:
        next(stream)
    else:
        while stream.progress[0] == 0:
            time.sleep(0.01)
        assert stream.progress[0] < stream.progress[1]
    assert stream.activity is not None
    began = time.monotonic()
    stream.cancel()
    with pytest.raises(Cancelled):
        list(stream)
    assert time.monotonic() - began < 5
    assert "".join(candle.stream(candle.tokenize("One two three"), max_tokens=2))


def test_who_does_not_read_pauses_and_others_go_on(candle: CandleModel) -> None:
    unread = candle.stream(candle.tokenize("one two three one two three one two"), max_tokens=600, temperature=0)
    assert candle.generate(candle.tokenize("Hello"), max_tokens=8).completion_tokens > 0
    deadline = time.monotonic() + 90
    while unread.activity is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert unread.activity is None
    unread.cancel()


def test_what_does_not_fit_is_refused_with_numbers(candle: CandleModel) -> None:
    with pytest.raises(ContextOverflow) as caught:
        candle.stream(long_prompt(candle, 2048))
    assert caught.value.details == {"prompt_tokens": 2048, "context_length": 2048}
    with pytest.raises(InvalidParameter, match="context_length must be between 1 and 8192"):
        CandleModel().load(smollm2.gguf("F32"), context_length=9000)


def test_devices_that_are_not_there(folder: Path) -> None:
    for device in ("cuda", "metal"):
        with pytest.raises(DeviceUnavailable, match="device cpu") as caught:
            CandleModel().load(folder, device=device)
        assert caught.value.details["device"] == device
    with pytest.raises(InvalidParameter, match="device must be auto, cpu, cuda or metal"):
        CandleModel().load(folder, device="tpu")
    with pytest.raises(InvalidParameter, match="dtype"):
        CandleModel().load(folder, dtype="int3")


def test_folders_that_are_not_whole(folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"

    def load() -> None:
        CandleModel().load(weights)

    with pytest.raises(ModelNotFound):
        load()
    with (folder / weights.name).open("rb") as file:
        weights.write_bytes(file.read(1 << 20))
    with pytest.raises(LoadFailed, match=r"no config\.json"):
        load()
    shutil.copy(folder / "config.json", tmp_path)
    with pytest.raises(TokenizerNotFound, match=r"no tokenizer\.json"):
        load()
    shutil.copy(folder / "tokenizer.json", tmp_path)
    with pytest.raises(CorruptModel):
        load()
    weights.unlink()
    weights.symlink_to(folder / weights.name)
    config = json.loads((folder / "config.json").read_text())
    for change, error in (({"model_type": "gemma3"}, UnknownArchitecture), ({"hidden_size": 640}, LoadFailed)):
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(error):
            load()


def test_shards(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(folder / name, tmp_path)
    shard = "model-00001-of-00001.safetensors"
    (tmp_path / shard).symlink_to(folder / "model.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": shard}}))
    for path in (tmp_path, tmp_path / shard, index):
        with CandleModel() as model:
            model.load(path, context_length=64)
            prompt = model.tokenize(QUESTION, parse_special=True)
            assert "Paris" in model.generate(prompt, max_tokens=8, temperature=0).text
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": "../model.safetensors"}}))
    with pytest.raises(CorruptModel, match="not in its folder"):
        CandleModel().load(tmp_path)


def test_the_engine_turns_pickles_into_safetensors(tmp_path: Path) -> None:
    engine = CandleEngine()
    request = LoadRequest(smollm2.pickled() / "pytorch_model.bin", tmp_path, format="pytorch", context_length=256)
    info = engine.load(request, lambda _fraction: None)
    try:
        assert (info.architecture, info.context_length, info.chat_template) == ("llama", 256, True)
        assert info.details["device"] == "cpu"
        assert list(tmp_path.glob("derived/*/model.safetensors"))
        sampling = Sampling(16, 0, 40, 1, 0, 1, None, ())
        conversation = Conversation([{"role": "user", "content": "What is the capital of France?"}])
        stream = engine.chat(conversation, sampling, 0)
        assert "".join(delta.text for delta in stream) == "The capital of France is Paris." == stream.completion.text
    finally:
        engine.close()


def test_progress_and_its_end(folder: Path) -> None:
    fractions: list[float] = []
    with CandleModel() as model:
        model.load(folder, context_length=64, progress=fractions.append)
        assert fractions == sorted(fractions)
        assert fractions[-1] == pytest.approx(1, abs=0.01)

        def stop(fraction: float) -> None:
            raise KeyError(fraction)

        other = CandleModel()
        with pytest.raises(KeyError):
            other.load(folder, progress=stop)
        assert not other.is_loaded


_RESIDENT = """
import sys
from pathlib import Path
from tabagent_model import CandleModel, ModelClosed

def resident():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) << 10

model = CandleModel()
before = resident()
model.load(sys.argv[1], context_length=256)
stream = model.stream(model.tokenize("Once"), max_tokens=200)
next(stream)
loaded = resident()
model.close()
try:
    list(stream)
    ended = "not"
except ModelClosed:
    ended = "closed"
print(loaded - before, resident() - before, ended, model.is_loaded)
"""


def test_closing_ends_streams_and_gives_memory_back(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _RESIDENT, str(folder)], capture_output=True, text=True, check=True)
    loaded, closed, ended, is_loaded = done.stdout.split()
    assert (ended, is_loaded) == ("closed", "False")
    assert int(loaded) > 400e6
    assert int(closed) < 150e6
