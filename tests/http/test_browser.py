"""A real Chromium: what a page of another site, and one whose name has been rebound, can reach (row T17)."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.http.guarded import TOKEN, Guarded
from tests.support import missing

FIND = Path(__file__).parents[1] / "e2e" / "find-browser.sh"
PAGE = """<!doctype html><body><script type="module">
const outcome = {}, base = "http://%(target)s", auth = { Authorization: "Bearer %(token)s" };
const typed = { ...auth, "Content-Type": "application/json" };
const opened = (it) => new Promise((onopen, onerror) => Object.assign(it, { onopen, onerror }));
const loaded = (tag) => new Promise((onload, onerror) =>
  document.body.append(Object.assign(document.createElement(tag), { src: base + "/v1/x", onload, onerror })));
const attempts = {
  simple: () => fetch(base + "/v1/models", { mode: "no-cors" }),
  readable: () => fetch(base + "/v1/models", { headers: auth }),
  text: () => fetch(base + "/v1/x", { method: "POST", mode: "no-cors", body: "{}" }),
  json: () => fetch(base + "/v1/x", { method: "POST", headers: typed, body: "{}" }),
  health: () => fetch(base + "/healthz", { mode: "no-cors" }),
  cookies: () => fetch(base + "/docs", { mode: "no-cors", credentials: "include" }),
  beacon: async () => navigator.sendBeacon(base + "/v1/x", "{}"),
  socket: () => opened(new WebSocket("ws://%(target)s/v1/x")),
  events: () => opened(new EventSource(base + "/v1/x")),
  ...Object.fromEntries(["img", "script", "iframe"].map((tag) => [tag, () => loaded(tag)])),
  form: () => new Promise((ok) => {
    const frame = Object.assign(document.createElement("iframe"), { name: "f", onload: ok });
    const form = Object.assign(document.createElement("form"), { method: "POST", action: base + "/v1/x", target: "f" });
    form.enctype = "text/plain";
    document.body.append(frame, form);
    form.submit();
  }),
};
for (const [name, attempt] of Object.entries(attempts))
  outcome[name] = await attempt().then((it) => it?.status ?? "sent", () => "failed");
await fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
</script>"""


class Site(BaseHTTPRequestHandler):
    """Serves one page, whatever it is called, and takes what came of it."""

    def __init__(self, page: str, outcomes: queue.Queue[dict[str, object]], *arguments: object) -> None:
        self.page, self.outcomes = page.encode(), outcomes
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def do_POST(self) -> None:
        self.outcomes.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    it = Guarded()
    yield it
    it.close()


def command(url: str, profile: Path) -> list[str]:
    found = subprocess.run(["bash", str(FIND)], capture_output=True, text=True, check=False)
    browser = found.stdout.strip()
    if not browser:
        missing("a Chromium")
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", rules, f"--user-data-dir={profile}"]
    return [browser, *flags, url]


def read(url: str, profile: Path) -> str:
    """What a person would see there."""
    arguments = [*command(url, profile)[:-1], "--dump-dom", url]
    return subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stdout


def visit(site: str, page: str, profile: Path) -> dict[str, object]:
    """What came of the attempts of a page on ``site``."""
    outcomes: queue.Queue[dict[str, object]] = queue.Queue()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, page, outcomes)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{site}:{server.server_port}/"
        with subprocess.Popen(command(url, profile), stderr=subprocess.DEVNULL, start_new_session=True) as browser:
            try:
                return outcomes.get(timeout=60)
            finally:
                os.killpg(browser.pid, signal.SIGKILL)
                server.shutdown()


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "rebound.example"])
def test_a_page_of_another_site_runs_no_handler(guarded: Guarded, tmp_path: Path, target: str) -> None:
    """It even knows the token. ``rebound.example`` is a name of its own that leads here."""
    page = PAGE % {"target": f"{target}:{guarded.port}", "token": TOKEN}
    outcome = visit("evil.example", page, tmp_path)
    assert guarded.asked >= len(outcome) - 1, outcome  # they did arrive; the beacon may still be on its way
    assert guarded.ran == 0
    assert outcome["readable"] == outcome["json"] == outcome["socket"] == outcome["events"] == "failed"


def test_a_rebound_name_cannot_be_opened(guarded: Guarded, tmp_path: Path) -> None:
    text = read(f"http://rebound.example:{guarded.port}/healthz", tmp_path)
    assert "host_refused" in text
    assert guarded.ran == 0


def test_our_own_address_can(guarded: Guarded, tmp_path: Path) -> None:
    """That the guard lets a browser in at all."""
    assert "ok" in read(f"http://127.0.0.1:{guarded.port}/healthz", tmp_path)
    assert guarded.ran == 1
