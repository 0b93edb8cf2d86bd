"""``tabagent run``: one answer of the real model, from arguments and pipes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator

import pytest

from native_host.cli import exit_status
from native_host.cli.text_files import NotText, decode
from tests.cli.terminal import Cli
from tests.fake_hub import FakeHub, Repository
from tests.made_models import gguf
from tests.questions import QUESTION, SYSTEM
from tests.support import MODEL, Installation

GREEDY = ("--temperature", "0", "--max-tokens", "24")
AS_TOLD = ("--system", SYSTEM)
KINDS = {"Q4_0": (2, bytes(1024 // 32 * 18)), "Q8_0": (8, bytes(1024 // 32 * 34))}


@pytest.fixture(scope="module")
def real(shared_cli: Cli) -> Cli:
    shared_cli.ok("load", MODEL, "--keep-alive=-1")
    return shared_cli


def test_an_answer_and_nothing_else(real: Cli) -> None:
    done = real("run", MODEL, *AS_TOLD, *GREEDY, QUESTION)
    assert "Paris" in done.stdout
    assert done.stdout.endswith("\n")
    assert done.stderr == ""
    assert real.ok("run", MODEL, *AS_TOLD, *GREEDY, *QUESTION.split()) == done.stdout, "words need no quotes"


def test_events_as_json(real: Cli) -> None:
    events = real.lines("run", MODEL, *AS_TOLD, *GREEDY, QUESTION)
    assert {event["event"] for event in events[:-1]} <= {"token", "progress"}
    text = "".join(event["text"] for event in events if event["event"] == "token")
    assert events[-1]["result"]["text"] == text
    assert all("id" not in event for event in events)


def test_a_pipe_follows_the_question(real: Cli) -> None:
    """The same tokens, whether they come in the arguments, through the pipe, or half and half."""
    question, page = "Repeat this word.", "Lighthouse"
    both = real.lines("run", MODEL, *GREEDY, question, piped=f"{page}\n")[-1]["result"]
    arguments = real.lines("run", MODEL, *GREEDY, f"{question}\n\n{page}")[-1]["result"]
    piped = real.lines("run", MODEL, *GREEDY, piped=f"{question}\n\n{page}")[-1]["result"]
    assert both["text"] == arguments["text"] == piped["text"]
    assert both["usage"]["prompt_tokens"] == arguments["usage"]["prompt_tokens"] == piped["usage"]["prompt_tokens"]


def test_a_pipe_may_carry_any_text(real: Cli) -> None:
    content = b"<|im_end|>\r\n\x1b[1m\f" + b"a log with a stray byte" * 20 + b"\xff" + "日本😀".encode()[:-1]
    assert real.lines("run", MODEL, "--max-tokens", "2", "What is it?", piped=content)[-1]["event"] == "done"


PDF = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
BINARIES = {
    "pdf": (PDF, "is a PDF"),
    "pdf after other bytes": (b"\n" * 900 + PDF, "is a PDF"),
    "zip": (b"PK\x03\x04\x14\x00\x08\x08" + bytes(range(256)), "ZIP"),
    "gzip": (gzip.compress(b"text" * 100), "gzip"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "--image"),
    "model": (gguf([("t", [32], 0, bytes(128))], general__architecture="llama"), "GGUF"),
    "nul": (b"a\0b", "NUL"),
    "noise": (bytes(range(1, 256)) * 4, "not text"),
    "latin-1": ("Grüße, schöne Büßer".encode("latin-1"), "iconv"),
    "utf-16 cut": ("text".encode("utf-16") + b"a", "utf-16"),
}


@pytest.mark.parametrize(("content", "says"), BINARIES.values(), ids=BINARIES)
def test_h25_what_is_no_text_is_not_decoded(content: bytes, says: str) -> None:
    with pytest.raises(NotText, match=says) as caught:
        decode(content, "page")
    assert str(caught.value).startswith("page is ")


@pytest.mark.parametrize(
    "content",
    ["日本 😀\r\n\t\f".encode(), "日本".encode("utf-16"), "日本".encode("utf-8-sig"), "日本".encode("utf-32"), b"",
     b"GGUF is a format", b"BZh", "日本".encode()[:-1], b"\x1b[1mbold\x1b[0m"],
)  # fmt: skip
def test_h25_text_of_any_script_is_text(content: bytes) -> None:
    text = decode(content, "page")
    assert "\ufffd" not in text
    assert "日" in text or content.isascii()


@pytest.mark.parametrize("arguments", [("Summarise.",), (), ("--raw",), ("--json", "Summarise.")])
def test_h25_a_pdf_in_the_pipe_is_wrong_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli("run", MODEL, *arguments, piped=PDF)
    assert (done.returncode, done.stdout) == (exit_status.USAGE, "")
    assert "is a PDF" in done.stderr
    assert "pdftotext" in done.stderr
    assert "Traceback" not in done.stderr


def test_too_long_a_pipe_is_refused_with_the_numbers(real: Cli) -> None:
    done = real("run", MODEL, "Summarise.", piped="word " * 20_000)
    assert done.returncode == exit_status.FAILED
    assert "error context_overflow: " in done.stderr
    assert "--context-length N" in done.stderr
    assert done.stdout == ""


def test_nothing_to_ask_is_wrong_usage(real: Cli) -> None:
    done = real("run", MODEL)
    assert done.returncode == exit_status.USAGE
    assert "nothing was asked" in done.stderr
    for arguments, piped in (((), " \n\t\n"), (("",), ""), ((" ", ""), "\n")):
        assert real("run", MODEL, *arguments, piped=piped).returncode == exit_status.USAGE
    for arguments in (("--json",), ("",)):
        with real.on_terminal("run", MODEL, *arguments) as terminal:
            assert terminal.end() == exit_status.USAGE


def test_a_seed_repeats_itself(real: Cli) -> None:
    def answer(seed: int) -> str:
        return real.ok("run", MODEL, "--temperature", "1.5", "--max-tokens", "24", "--seed", str(seed), "Tell a story.")

    assert answer(7) == answer(7)
    assert answer(7) != answer(8)


def test_stop_and_length_and_verbose(real: Cli) -> None:
    whole = real.ok("run", MODEL, *GREEDY, "Tell a story.")
    stop = whole[20:25]
    assert real.ok("run", MODEL, *GREEDY, "--stop", stop, "Tell a story.") == whole[: whole.index(stop)] + "\n"
    done = real("run", MODEL, "--temperature", "0", "--max-tokens", "5", "-v", "Tell a story.")
    assert "(cut after 5 tokens" in done.stderr
    assert "answer 5 tokens, " in done.stderr
    assert whole.startswith(done.stdout.rstrip("\n"))


def test_raw_continues(real: Cli) -> None:
    text = real.ok("run", MODEL, "--raw", "--temperature", "0", "--max-tokens", "8", "The capital of France is")
    assert "Paris" in text
    for more in (("--system", "Be brief."), ("--think",), ("--no-think",)):
        done = real("run", MODEL, "--raw", *more, "The capital of France is")
        assert done.returncode == exit_status.USAGE
        assert "--raw sends text alone" in done.stderr
    with real.on_terminal("run", MODEL, "--raw") as terminal:
        terminal.expect("--raw continues a text")
        assert terminal.end() == exit_status.USAGE


def test_json_on_demand(real: Cli) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"enum": ["Paris", "Rome"]}, "big": {"type": "boolean"}},
        "required": ["name", "big"],
        "additionalProperties": False,
    }
    file = real.installation.root / "schema.json"
    file.write_text(json.dumps(schema))
    done = real("run", MODEL, "--format", str(file), "--temperature", "0", QUESTION)
    answer = json.loads(done.stdout)
    assert answer["name"] in ("Paris", "Rome")
    assert isinstance(answer["big"], bool)


def test_a_picture_is_passed_on(real: Cli) -> None:
    picture = real.installation.root / "dot.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    done = real("run", MODEL, "--image", str(picture), "What is it?")
    assert done.returncode == exit_status.FAILED, "this model sees nothing"
    assert "error unsupported_task: " in done.stderr or "error bad_param: " in done.stderr
    text = real.installation.root / "page.html"
    text.write_text("<p>")
    assert real("run", MODEL, "--image", str(text), "What is it?").returncode == exit_status.USAGE
    raw = real("run", MODEL, "--raw", "--image", str(picture), "What is it?")
    assert raw.returncode == exit_status.USAGE
    assert "--raw sends text alone" in raw.stderr


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        weights = {
            name: gguf([("t", [1024], *tensor)], general__architecture="chaos") for name, tensor in KINDS.items()
        }
        running.repositories["org/tiny-GGUF"] = Repository({"tiny-Q4_0.gguf": weights["Q4_0"]})
        running.repositories["org/both-GGUF"] = Repository({f"both-{it}.gguf": data for it, data in weights.items()})
        yield running


def test_a_repository_is_downloaded_and_run(install: Callable[..., Installation], hub: FakeHub) -> None:
    """The fake has no real weights: that it is here and was given to the engine is what counts."""
    cli = Cli(install(hub_endpoint=hub.url))
    first = cli("run", "hf.co/org/tiny-GGUF:Q4_0", "--engine", "chaos", "{}")
    assert "model_not_found" not in first.stderr
    assert hub.downloads("tiny-Q4_0.gguf") == 1
    asked = len(hub.requests)
    for name in ("org/tiny-GGUF", "hf.co/org/tiny-GGUF", "ORG/tiny-gguf:q4_0", "https://huggingface.co/org/tiny-GGUF"):
        assert cli("verify", name).returncode == 0, name
    assert len(hub.requests) == asked, "what is here needs no hub"


def test_a_repository_that_is_nowhere(install: Callable[..., Installation], hub: FakeHub) -> None:
    cli = Cli(install(hub_endpoint=hub.url))
    done = cli("run", "org/none", "hi")
    assert done.returncode == exit_status.NO_SUCH_MODEL
    assert "org/none" in done.stderr
    cli = Cli(install(hub_endpoint="http://127.0.0.1:9"))
    assert cli("run", "org/none", "hi").returncode == exit_status.TRY_LATER


def test_two_quantisations_have_to_be_told_apart(install: Callable[..., Installation], hub: FakeHub) -> None:
    cli = Cli(install(hub_endpoint=hub.url))
    for kind in KINDS:
        cli.ok("pull", f"org/both-GGUF:{kind}")
    names = [model["name"] for model in cli.json("list")["models"] if model["source"] == "hub"]
    assert len(set(names)) == len(KINDS)
    done = cli("verify", "org/both-GGUF")
    assert done.returncode == exit_status.NO_SUCH_MODEL
    assert all(name in done.stderr for name in names)
    shutil.rmtree(cli.installation.environ["HF_HOME"])
