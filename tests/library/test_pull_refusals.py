"""Rows T5, T7, T13, T15: what does not come, and where nothing goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_hub import COMMIT, FakeHub, Fault, Repository
from tests.library.pulling import FILE, REPO, cache, pull
from tests.pickled_models import archive, evil
from tests.support import Installation

LEADING_AWAY = ["../x", "..\\x", "a/../../x", "/etc/passwd", "//h/s", "\\\\h\\s", "C:x", "C:\\x", "C:/x", "a/b:stream"]
LEADING_AWAY += ["x\0y", "x\ny", "./x", "a//b", "a/./b", "..", ".", "", "a/", "/", "a/..", "x\x7f", "a\\..\\b"]
NOT_EVERYWHERE = ["CON.json", "con.json", "NUL.json", "a/aux.json", "COM1.json", "lpt9.json", "PRN", "CLOCK$.json"]
NOT_EVERYWHERE += ["x. .json", "dir./config.json", "dir /config.json", "a?.json", "a*.json", "a<b>.json", 'a"b.json']
NOT_EVERYWHERE += ["a|b.json", f"{'x' * 300}.json", "CONIN$.json"]


@pytest.mark.parametrize("name", LEADING_AWAY)
def test_t13_names_that_lead_away(puller: Installation, hub: FakeHub, name: str) -> None:
    hub.repositories[REPO].names = [name]
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "model_not_found"
    assert not list(puller.root.rglob("passwd"))
    assert not cache(puller).exists()


def test_t13_names_that_not_every_system_holds(puller: Installation, hub: FakeHub) -> None:
    """Beside safetensors every JSON file comes too: one that cannot be written everywhere refuses the whole."""
    with puller.host() as host:
        for name in NOT_EVERYWHERE:
            files = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": b"{}"}
            hub.repositories["org/odd"] = Repository(files, names=[name])
            answer = pull(host, "org/odd")
            written = [path for path in puller.root.rglob("*") if str(path).endswith(f"/{name}")]
            assert answer["event"] == "error" or not written, name
        twins = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": b"{}", "Config.json": b"{}"}
        hub.repositories["org/twins"] = Repository(twins)
        assert pull(host, "org/twins")["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/x",
        "https://localhost/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
    ],
)
def test_t15_redirects_elsewhere_are_refused(install: Callable[..., Installation], hub: FakeHub, target: str) -> None:
    tabagent = install(hub_endpoint=hub.url)
    tabagent.environ["HF_TOKEN"] = "hf_secret"
    hub.faults[FILE] = Fault(redirect=target)
    with tabagent.host() as host:
        error = pull(host)["error"]
        assert error["code"] == "download_failed"
        assert "refused" in error["details"]["reason"]


def test_t15_the_token_goes_to_the_hub_alone(install: Callable[..., Installation], hub: FakeHub) -> None:
    tabagent = install(hub_endpoint=hub.url)
    tabagent.environ["HF_TOKEN"] = "hf_secret"
    with FakeHub() as elsewhere, tabagent.host() as host:
        hub.faults[FILE] = Fault(redirect=f"{elsewhere.url}/{REPO}/resolve/{COMMIT}/{FILE}")
        assert pull(host)["error"]["code"] == "download_failed"
        assert elsewhere.requests == []
    assert {headers.get("authorization") for _, headers in hub.requests} == {"Bearer hf_secret"}


def test_t5_t7_pickles_and_code_do_not_come(puller: Installation, hub: FakeHub) -> None:
    hub.repositories["org/pickled"] = Repository({"pytorch_model.bin": b"\x80\x02.", "config.json": b"{}"})
    code = {"auto_map": {"AutoModel": "evil.Model"}}
    hub.repositories["org/code"] = Repository(
        {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": json.dumps(code).encode(), "evil.py": b"boom"},
        {"config": code},
    )
    with puller.host() as host:
        assert pull(host, "org/pickled")["error"]["code"] == "format_refused"
        assert pull(host, "org/code")["error"]["code"] == "remote_code_refused"
        assert not any("resolve" in path for path, _ in hub.requests)


def test_t5_allowed_pickles_come_when_nothing_in_them_would_run(
    puller: Installation, hub: FakeHub, tmp_path: Path
) -> None:
    config = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
    canary = tmp_path / "canary"
    weights = {"fine": archive({"w": ([1], [1.0])}), **evil(canary)}
    for number, content in enumerate(weights.values()):
        hub.repositories[f"org/m{number}"] = Repository({"pytorch_model.bin": content, "config.json": config})
    with puller.host() as host:
        for number, name in enumerate(weights):
            last = host.result("pull_model", model=f"org/m{number}", allow_pickle=True)
            assert (last["event"] == "done") == (name == "fine"), (name, last)
        listed = host.result("list_models")["result"]["models"]
        assert [model["format"] for model in listed if model["source"] == "hub"] == ["pytorch"]
    assert not canary.exists()


@pytest.mark.parametrize("has_token", [False, True])
def test_h2_the_file_of_a_gated_repository_decides(puller: Installation, hub: FakeHub, has_token: bool) -> None:
    """With a token the hub is asked for the file; without one, nothing is asked for."""
    hub.repositories[REPO].metadata = {"gated": "manual"}
    hub.faults[FILE] = Fault(statuses=[403])
    if has_token:
        puller.environ["HF_TOKEN"] = "hf_secret"
    with puller.host() as host:
        facts = host.result("detect_model", model=REPO)["result"]
        assert facts["gated"] == "manual"
        assert [it["code"] for it in facts["obstacles"]] == ([] if has_token else ["gated"])
        assert pull(host)["error"]["code"] == "gated"
        assert hub.downloads(FILE) == has_token
        assert pull(host)["event"] == ("done" if has_token else "error")
    sent = {headers.get("authorization") for path, headers in hub.requests if path.endswith(FILE)}
    assert sent == ({"Bearer hf_secret"} if has_token else set())


def test_h2_a_private_repository(puller: Installation, hub: FakeHub) -> None:
    """Its description needs the token as well, wherever it is asked for."""
    hub.repositories[REPO].token = "hf_secret"
    with puller.host() as host:
        assert host.result("detect_model", model=REPO)["error"]["code"] == "gated"
        assert pull(host)["error"]["code"] == "gated"
        token = Path(puller.environ["HF_HOME"]) / "token"
        token.parent.mkdir(exist_ok=True)
        token.write_text("hf_secret\n")
        assert host.result("detect_model", model=REPO)["result"]["repo"] == REPO
        assert pull(host)["event"] == "done"
        assert host.result("remove_model", model=f"{REPO}:Q4_0")["event"] == "done"
        for content in ("hf sécret", "hf_\x07", "hf\nsecret"):
            token.write_text(content)
            assert pull(host)["error"]["code"] == "gated", content
        token.write_bytes(b"\xff\xfe")
        assert host.result("detect_model", model=REPO)["error"]["code"] == "gated"
