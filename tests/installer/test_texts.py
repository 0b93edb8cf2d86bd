"""The pure parts: manifests, extension ids, launcher, receipt, paths, errors."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import platformdirs
import pytest

import manifests
from installer import InstallError, InstallPaths, default_paths, errors, launcher, manifest, receipt
from installer.extension_ids import allowed, checked, kind_of
from installer.manifest import ManifestState
from manifests import Kind
from tests.installer.sandbox import AWKWARD, Sandbox

_ID = "a" * 32
_HOST = Path("/opt/tabagent-host")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (_ID, "chromium"),
        ("name@example.org", "firefox"),
        ("{01234567-89ab-cdef-0123-456789ABCDEF}", "firefox"),
    ],
)
def test_extension_id_kinds(text: str, kind: Kind) -> None:
    assert kind_of(text) == kind
    assert text in allowed(kind, [text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 31,
        "a" * 33,
        "q" * 32,
        "A" * 32,
        _ID + "\n",
        f"chrome-extension://{_ID}/",
        "*",
        "a,b@c",
        "a b@c",
        "@",
        "{0123}",
        f"{'x' * 80}@y",
    ],
)
def test_bad_extension_ids(text: str) -> None:
    with pytest.raises(errors.BadExtensionId):
        checked([text])


def test_extra_ids_are_each_taken_once_and_built_in_ones_not_at_all() -> None:
    built_in = manifests.extensions()
    assert checked([_ID, *built_in.chromium, *built_in.firefox, _ID]) == (_ID,)


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
def test_manifests_are_what_browsers_read_back(kind: Kind) -> None:
    path = Path("/home") / AWKWARD / "host"
    ids = allowed(kind, [_ID, "name@example.org"])
    content = manifest.render(kind, path, ids)
    assert manifest.parse(kind, content) == manifest.HostManifest(path, ids)
    assert manifest.is_product(kind, content, path)
    fields = json.loads(content)
    key, other = ("allowed_origins", "allowed_extensions")[:: 1 if kind == "chromium" else -1]
    assert set(fields) == {"name", "description", "path", "type", key}
    assert other not in fields
    assert fields["name"] == "com.tabagent.host"
    assert fields["type"] == "stdio"
    assert fields[key] == [f"chrome-extension://{name}/" if kind == "chromium" else name for name in ids]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "com.other"},
        {"type": "pipe"},
        {"description": None},
        {"path": "bin/host"},
        {"path": 1},
        {"allowed_origins": []},
        {"allowed_origins": f"chrome-extension://{_ID}/"},
        {"allowed_origins": [f"chrome-extension://{_ID}"]},
        {"allowed_origins": ["chrome-extension://*/"]},
        {"allowed_origins": [f"https://{_ID}/"]},
        {"allowed_origins": [1]},
        {"allowed_extensions": ["name@example.org"]},
    ],
)
def test_manifests_that_browsers_refuse(change: dict[str, object]) -> None:
    fields = json.loads(manifest.render("chromium", _HOST, [_ID])) | change
    with pytest.raises(ValueError, match=r"."):
        manifest.parse("chromium", json.dumps(fields).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"\xef\xbb\xbf{}"])
def test_what_is_no_manifest_is_broken(content: bytes) -> None:
    assert manifest.classify("chromium", content, b"wanted", _HOST, ()) is ManifestState.BROKEN


def test_classification() -> None:
    wanted = manifest.render("chromium", _HOST, [_ID])
    outdated = manifest.render("chromium", _HOST, ["b" * 32])
    moved = manifest.render("chromium", Path("/elsewhere"), [_ID])
    recorded = [manifest.digest(moved)]
    assert manifest.classify("chromium", None, wanted, _HOST, ()) is ManifestState.MISSING
    assert manifest.classify("chromium", wanted, wanted, _HOST, ()) is ManifestState.OURS
    assert manifest.classify("chromium", outdated, wanted, _HOST, ()) is ManifestState.STALE
    assert manifest.classify("chromium", moved, wanted, _HOST, ()) is ManifestState.FOREIGN
    assert manifest.classify("chromium", moved, wanted, _HOST, recorded) is ManifestState.STALE


@pytest.mark.parametrize("name", [AWKWARD, "plain", "-n", "#x", "a\nb", "~", "'", "''"])
@pytest.mark.parametrize("ids", [(), (_ID, "name@example.org")])
def test_launcher_text_leads_back_to_its_values(name: str, ids: tuple[str, ...]) -> None:
    content = launcher.render(Path("/env") / name / "python", ids)
    assert launcher.interpreter_of(content) == Path("/env") / name / "python"
    assert launcher.is_product(content)
    assert not launcher.is_product(content + b"true\n")
    assert (b"TABAGENT" in content) == bool(ids)


@pytest.mark.parametrize("content", [b"", b"exec", b"exec '", b"\xff\xfe", b"#!/bin/sh\necho\n"])
def test_what_is_no_launcher_has_no_interpreter(content: bytes) -> None:
    assert launcher.interpreter_of(content) is None
    assert not launcher.is_product(content)


@pytest.mark.parametrize("ids", [(), (_ID, "name@example.org")])
def test_launcher_runs_without_path_or_locale(sandbox: Sandbox, ids: tuple[str, ...]) -> None:
    script = sandbox.paths.home / "tabagent-host"
    script.write_bytes(launcher.render(sandbox.interpreter, ids))
    script.chmod(0o755)
    arguments = [f"chrome-extension://{_ID}/", "two words", "$(exit 3)", "'", "", "ü"]
    for command in ([str(script)], ["/bin/sh", str(script)]):
        result = subprocess.run(
            [*command, *arguments], env={"PATH": "", "LC_ALL": "C"}, cwd="/", capture_output=True, check=True
        )
        lines = os.fsdecode(result.stdout).split("\n")
        assert lines == [",".join(ids) or "unset", "/", "-I", "-m", "native_host.host", *arguments, ""]


def test_receipt_round_trip() -> None:
    original = receipt.Receipt(
        extension_ids=(_ID,),
        files=(
            receipt.RecordedFile(Path("/d") / AWKWARD, "launcher", None, ("1", "2")),
            receipt.RecordedFile(Path("/m"), "firefox", "firefox", ("3",)),
        ),
        directories=(Path("/d"),),
    )
    assert receipt.load(receipt.dump(original)) == original


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b'{"version": 2}',
        b"[" * 100_000,
        b'{"version": 1, "extension_ids": [], "files": [], "directories": ["relative"]}',
        b'{"version": 1, "extension_ids": ["*"], "files": [], "directories": []}',
        b'{"version": 1, "extension_ids": "x", "files": [], "directories": []}',
        b'{"version": 1, "extension_ids": [], "files": [1], "directories": []}',
        b'{"version": 1, "extension_ids": [], "files": [{"path": "/x", "role": "other"}], "directories": []}',
    ],
)
def test_what_is_no_receipt(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        receipt.load(content)


def test_default_paths_follow_the_given_environment_only() -> None:
    assert default_paths({"HOME": "/h"}) == InstallPaths(
        Path("/h"), Path("/h/.config"), Path("/h/.local/share/tabagent")
    )
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "relative"}
    assert default_paths(environ).config_home == Path("/c")
    assert default_paths(environ).data_dir == Path("/h/.local/share/tabagent")
    assert default_paths(environ, Path("/data")).data_dir == Path("/data")


def test_default_paths_without_a_home_ask_the_user_database() -> None:
    assert default_paths({}).home.is_absolute()


@pytest.mark.parametrize("environ", [{"HOME": "/h"}, {"HOME": "/h", "XDG_DATA_HOME": "/d"}])
def test_default_data_directory_is_what_platformdirs_says(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert default_paths(environ).data_dir == platformdirs.user_data_path("tabagent", appauthor=False)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a/\udcff"])
def test_unusable_paths(path: str) -> None:
    with pytest.raises(errors.UnusablePath) as caught:
        InstallPaths(Path("/h"), Path("/c"), Path(path))
    str(caught.value).encode("utf-8")


def test_error_codes_are_stable_and_told_in_the_module() -> None:
    codes = {kind.code: kind.__name__ for kind in InstallError.__subclasses__()}
    assert len(codes) == len(InstallError.__subclasses__())
    told = dict(line.split()[:0:-1] for line in (errors.__doc__ or "").splitlines() if "──" in line)
    assert codes == told
