"""What the doctor finds of browsers, manifests and the launcher, and which repairs it offers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from installer import status
from installer.doctor import INSTALL, Finding, Severity, examine
from tests.installer.sandbox import Sandbox

Harm = Callable[[Sandbox], object]


def findings(sandbox: Sandbox) -> dict[str, Finding]:
    return {it.check: it for it in examine(status(sandbox.paths, interpreter=sandbox.interpreter))}


def alter(sandbox: Sandbox, **fields: Any) -> None:
    sandbox.manifest_path("chrome").write_text(json.dumps({**sandbox.manifest("chrome"), **fields}))


def test_a_sound_installation_has_nothing_to_complain_of(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    sandbox.install(extension_ids=["a" * 32, "other@example.org"])
    found = findings(sandbox)
    assert {it.severity for it in found.values()} == {Severity.OK, Severity.NOTE}
    assert found["browser chrome"].severity is found["browser firefox"].severity is Severity.OK
    assert "a" * 32 in found["browser chrome"].message


@pytest.mark.parametrize(
    ("harm", "check", "fix"),
    [
        (lambda it: it.manifest_path("chrome").unlink(), "browser chrome", INSTALL),
        (lambda it: it.manifest_path("chrome").write_text("{"), "browser chrome", None),
        (lambda it: alter(it, path="/nowhere/host"), "browser chrome", None),
        (lambda it: alter(it, allowed_origins=[f"chrome-extension://{'b' * 32}/"]), "browser chrome", INSTALL),
        (lambda it: alter(it, description="older"), "browser chrome", INSTALL),
        (lambda it: it.manifest_path("chrome").parent.parent.chmod(0o777), "browser chrome", None),
        (lambda it: it.paths.launcher.unlink(), "launcher", INSTALL),
        (lambda it: it.paths.launcher.chmod(0o644), "launcher", INSTALL),
        (lambda it: it.interpreter.unlink(), "launcher", INSTALL),
    ],
    ids=["no manifest", "no JSON", "foreign", "other ids", "stale", "open", "gone", "not executable", "no Python"],
)
def test_what_is_wrong_has_a_remedy_and_a_repair_where_that_is_safe(
    sandbox: Sandbox, harm: Harm, check: str, fix: str | None
) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    harm(sandbox)
    before = sandbox.tree()
    finding = findings(sandbox)[check]
    assert finding.severity in (Severity.PROBLEM, Severity.WARNING)
    assert finding.remedy
    assert finding.fix == fix
    assert sandbox.tree() == before, "looking changes nothing"


def test_a_launcher_that_is_gone_is_seen_in_the_browser_too(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    sandbox.paths.launcher.unlink()
    assert "is no program" in findings(sandbox)["browser chrome"].message


def test_a_flatpak_and_no_browser_at_all(sandbox: Sandbox) -> None:
    assert findings(sandbox)["browsers"].severity is Severity.WARNING
    (sandbox.paths.home / ".var" / "app" / "org.chromium.Chromium").mkdir(parents=True)
    finding = findings(sandbox)["browser chromium"]
    assert finding.severity is Severity.WARNING
    assert "Flatpak" in finding.message


def test_another_environment_is_left_to_a_person(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    found = {it.check: it for it in examine(status(sandbox.paths))}
    assert found["launcher"].severity is Severity.WARNING
    assert found["launcher"].fix is None


def test_no_repair_takes_browsers_from_another_installation(sandbox: Sandbox) -> None:
    """One that is not registered yet is a reason to ask, and none to move the others."""
    sandbox.add_browser("chrome")
    sandbox.install()
    sandbox.add_browser("brave")
    alter(sandbox, description="older")
    found = {it.check: it for it in examine(status(sandbox.paths))}
    for check in ("browser brave", "browser chrome"):
        assert found[check].severity is not Severity.OK
        assert str(sandbox.interpreter) in (found[check].remedy or "")
    sandbox.paths.launcher.chmod(0o644)
    assert {it.fix for it in examine(status(sandbox.paths))} == {None}
    sandbox.interpreter.unlink()
    assert INSTALL in {it.fix for it in examine(status(sandbox.paths))}, "nobody is served by it any more"


def test_an_older_launcher_of_our_own_is_renewed(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    sandbox.paths.launcher.write_text(f"# older\n{sandbox.paths.launcher.read_text()}")
    finding = findings(sandbox)["launcher"]
    assert (finding.severity, finding.fix) == (Severity.WARNING, INSTALL)
