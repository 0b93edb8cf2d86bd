"""Extension ids: which are well-formed, which belong to which kind of browser, which may call the host.

Forms: Chromium's is 32 letters a-p (128 bits of a SHA-256, one letter a nibble); Firefox's is a GUID in braces or
something like an e-mail address, at most 80 characters (MDN, ``browser_specific_settings``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import manifests
from installer.errors import BadExtensionId
from manifests import Kind

_CHROMIUM = re.compile(r"[a-p]{32}")
_FIREFOX = re.compile(
    r"\{[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}|(?=.{3,80}$)[a-zA-Z0-9._-]+@[a-zA-Z0-9._-]+"
)


def kind_of(extension_id: str) -> Kind:
    """Which kind of browser gives such ids.

    Raises:
        BadExtensionId: none does.
    """
    if _CHROMIUM.fullmatch(extension_id):
        return "chromium"
    if _FIREFOX.fullmatch(extension_id):
        return "firefox"
    raise BadExtensionId(extension_id)


def checked(extension_ids: Iterable[str]) -> tuple[str, ...]:
    """The extra ids, each once, without those that are built in.

    Raises:
        BadExtensionId: one is not well-formed.
    """
    built_in = manifests.extensions()
    extra = dict.fromkeys(extension_ids)
    for extension_id in extra:
        kind_of(extension_id)
    return tuple(name for name in extra if name not in built_in.chromium + built_in.firefox)


def allowed(kind: Kind, extra: Iterable[str]) -> tuple[str, ...]:
    """All ids that may call the host from one kind of browser: the built-in ones first."""
    built_in = manifests.extensions()
    own = built_in.chromium if kind == "chromium" else built_in.firefox
    return own + tuple(name for name in extra if kind_of(name) == kind)
