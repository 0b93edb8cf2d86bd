"""Row F42: who wants the same model shares one download, and may leave it."""

from __future__ import annotations

import subprocess
import sys

from tests.fake_hub import FakeHub, Fault
from tests.library.pulling import FILE, REPO, is_absent_resumable_or_whole, pull
from tests.support import Installation, eventually


def test_cancelling_stops_and_the_rest_is_continued(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as host:
        request = host.send("pull_model", model=REPO)
        next(event for event in host.events(request) if event.get("done", 0) > 500_000)
        host.result("cancel", target=request)
        assert list(host.events(request))[-1]["event"] == "cancelled"
        eventually(lambda: is_absent_resumable_or_whole(puller) == "resumable")
        del hub.faults[FILE]
        events = list(host.ask("pull_model", model=REPO))
        assert events[-1]["event"] == "done"
    assert any("range" in headers for path, headers in hub.requests if path.endswith(FILE))


def test_one_comes_as_the_last_one_leaves(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as host:
        for _ in range(3):
            request = host.send("pull_model", model=REPO)
            next(event for event in host.events(request) if event.get("done", 0) > 0)
            host.send("cancel", target=request)
        assert pull(host)["event"] == "done"


def test_f42_two_clients_share_one_download_and_one_may_leave(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as one, puller.host() as two:
        first = one.send("pull_model", model=REPO)
        next(event for event in one.events(first) if event.get("done", 0) > 0)
        second = two.send("pull_model", model=REPO)
        next(event for event in two.events(second) if event.get("done", 0) > 0)
        one.result("cancel", target=first)
        assert list(one.events(first))[-1]["event"] == "cancelled"
        assert list(two.events(second))[-1]["event"] == "done"
    assert hub.downloads(FILE) == 1


def test_f42_two_programs_do_not_fetch_a_blob_twice(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.02)
    program = f"""
from native_host.core.model_library.model_cache import ModelCache
assert ModelCache().download_quant({REPO!r}, "Q4_0").exists()
"""
    programs = [subprocess.Popen([sys.executable, "-c", program], env=puller.environ) for _ in range(3)]
    assert [it.wait(60) for it in programs] == [0, 0, 0]
    assert hub.downloads(FILE) == 1
