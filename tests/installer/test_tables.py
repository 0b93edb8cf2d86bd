"""The data in ``manifests``, and that it agrees with the extension."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import manifests
from installer.extension_ids import kind_of
from installer.locations import browser_place, profile_place
from installer.paths import InstallPaths
from tests.installer.sandbox import STABLE_BROWSERS

_IDENTITY = Path(__file__).parents[2] / "extension" / "identity.json"
_PATHS = InstallPaths(Path("/home/ann"), Path("/xdg/config"), Path("/data/tabagent"))


def test_extension_ids_are_those_of_the_extension() -> None:
    identity = json.loads(_IDENTITY.read_text(encoding="utf-8"))
    ids = manifests.extensions()
    assert identity["chromium_id"] in ids.chromium
    assert identity["firefox_id"] in ids.firefox
    digest = hashlib.sha256(base64.b64decode(identity["key"], validate=True)).hexdigest()
    assert identity["chromium_id"] == "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:32])


def test_built_in_ids_are_well_formed() -> None:
    ids = manifests.extensions()
    assert {kind_of(name) for name in ids.chromium} == {"chromium"}
    assert {kind_of(name) for name in ids.firefox} == {"firefox"}


def test_host_name_is_one_that_browsers_accept() -> None:
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", manifests.host().name)


@pytest.mark.parametrize(
    ("browser", "config_dir", "hosts_dir"),
    [
        ("chrome", "/xdg/config/google-chrome", "/xdg/config/google-chrome/NativeMessagingHosts"),
        ("chromium", "/xdg/config/chromium", "/xdg/config/chromium/NativeMessagingHosts"),
        ("edge", "/xdg/config/microsoft-edge", "/xdg/config/microsoft-edge/NativeMessagingHosts"),
        (
            "brave",
            "/xdg/config/BraveSoftware/Brave-Browser",
            "/xdg/config/BraveSoftware/Brave-Browser/NativeMessagingHosts",
        ),
        ("vivaldi", "/xdg/config/vivaldi", "/xdg/config/vivaldi/NativeMessagingHosts"),
        ("firefox", "/home/ann/.mozilla/firefox", "/home/ann/.mozilla/native-messaging-hosts"),
    ],
)
def test_linux_locations(browser: str, config_dir: str, hosts_dir: str) -> None:
    row = next(row for row in manifests.browsers() if row.id == browser)
    place = browser_place(row, "linux", _PATHS)
    assert place.config_dirs[0] == Path(config_dir)
    assert place.manifest_path == Path(hosts_dir) / "com.tabagent.host.json"


def test_profile_directory_location() -> None:
    place = profile_place(Path("/p"))
    assert place.manifest_path == Path("/p/NativeMessagingHosts/com.tabagent.host.json")
    assert place.kind == "chromium"


def test_firefox_is_found_in_its_xdg_folder_but_read_from_the_old_one() -> None:
    row = next(row for row in manifests.browsers() if row.id == "firefox")
    assert Path("/xdg/config/mozilla/firefox") in browser_place(row, "linux", _PATHS).config_dirs


def test_every_browser_says_where_it_looks_on_every_system() -> None:
    assert tuple(browser.id for browser in manifests.browsers()) == STABLE_BROWSERS
    for browser in manifests.browsers():
        assert set(browser.locations) == {"linux", "macos", "windows"}
        for system, location in browser.locations.items():
            assert bool(location.hosts_dir) == (system != "windows")
            assert bool(location.registry_keys) == (system == "windows")
            hosts_dir = (location.hosts_dir,) if location.hosts_dir else ()
            for text in location.config_dirs + location.sandbox_dirs + hosts_dir:
                assert text.startswith(("$HOME/", "$XDG_CONFIG_HOME/"))


def test_importing_the_data_is_cheap() -> None:
    """The host does it at every start."""
    heavy = "asyncio,importlib.metadata,importlib.resources,platformdirs,pydantic,subprocess,tempfile,zipfile"
    code = f"import sys, manifests; manifests.extensions(); print([m for m in {heavy.split(',')} if m in sys.modules])"
    project = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert result.stdout.strip() == "[]"
