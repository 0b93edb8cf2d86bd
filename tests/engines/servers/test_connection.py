"""Keys, redirects, proxies, certificates, memory: what lies between TabAgent and a server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tabagent_harness import HostProcess
from tests.engines.servers.asking import CHAT, HELLO, KEY, MODELS, Install, chat, names
from tests.servers.brain import Script
from tests.servers.fake import Fault
from tests.servers.openai import FakeOpenAI
from tests.support import eventually


def test_a_wrong_key(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys="gpu=sk-mistaken")
    with tabagent.host() as host:
        assert names(host) == {"smollm2-135m"}
        error = chat(host)["error"]
        assert error["code"] == "engine_unavailable"
        assert "refuses the key (401)" in error["message"]
        assert "sk-mistaken" not in json.dumps(error)
    assert "sk-mistaken" not in tabagent.log()


def test_a_redirect_is_not_followed(host: HostProcess, gpu: FakeOpenAI) -> None:
    with FakeOpenAI("small") as other:
        assert chat(host)["event"] == "done"
        gpu.faults[CHAT] = Fault(status=307, location=f"{other.url}{CHAT}")
        error = chat(host)["error"]
        assert error["code"] == "generation_failed"
        assert f"127.0.0.1:{other.port}" in error["message"]
        gpu.faults[MODELS] = Fault(status=302, location=f"{other.url}{MODELS}")
        eventually(lambda: names(host) == {"smollm2-135m"}, timeout_s=15)
        assert other.asked == []


def test_a_proxy_of_the_environment_is_not_for_this_machine(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}")
    tabagent.environ |= {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    with tabagent.host() as host:
        assert chat(host)["event"] == "done"


def test_tls_and_a_certificate_that_nobody_knows(install: Install, tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(certificate), "-out", str(tmp_path / "ca.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    with certificate.open("ab") as file:
        file.write((tmp_path / "ca.pem").read_bytes())
    with FakeOpenAI("small", certificate=certificate, brain=Script(interval_s=0.05)) as server:
        tabagent = install(servers=f"gpu={server.url}/v1")
        with tabagent.host() as host:
            error = chat(host)["error"]
            assert error["code"] == "engine_unavailable"
            assert "certificate" in error["message"].lower()
        tabagent.stop()
        tabagent.environ["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
        with tabagent.host() as host:
            assert chat(host)["result"]["text"] == "1 2 3 4 5 "
            request = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 900})
            events = host.events(request)
            next(event for event in events if event["event"] == "token")
            host.result("cancel", target=request)
            assert list(events)[-1]["event"] == "cancelled"
            assert server.dropped.wait(2)


def test_a_bad_setting_is_said_without_the_key(install: Install) -> None:
    for settings in ({"servers": "gpu"}, {"servers": "gpu=http://u:pw@host"}, {"server_keys": "no-equals-sign"}):
        tabagent = install(**settings)
        process = tabagent.host()
        assert process.process.wait(10) == 2
        assert "TABAGENT_SERVER" in process.stderr
        assert not {"pw", "no-equals-sign"} & set(process.stderr.replace("@", " ").replace(":", " ").split())
        process.close()


def test_a_servers_model_takes_no_memory_here(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}", memory_limit_mb=64)
    with tabagent.host() as host:
        assert chat(host)["event"] == "done"
        assert host.result("load_model", model="smollm2-135m")["error"]["code"] == "insufficient_memory"
