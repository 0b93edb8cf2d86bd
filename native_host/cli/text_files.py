"""Text of files and pipes: refused where the bytes are no text, so that no model is asked about noise."""

from __future__ import annotations

import codecs
import re

_SIGNATURES = (
    (b"\x7fELF", "a program"),
    (b"GGUF", "a GGUF model"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x89PNG", "a picture; ask with --image"),
    (b"\xff\xd8\xff", "a picture; ask with --image"),
    (b"GIF8", "a picture; ask with --image"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
)
_PDF, _PDF_WITHIN = b"%PDF-", 1024  # readers accept other bytes before the header: ISO 32000-1, annex H
_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")  # without what terminals and tables write
_TOLERATED = 0.01
"""Share of characters that may be broken: a log with a stray byte is text."""


class NotText(ValueError):
    """Bytes are no text; the message says what they are and what to do."""


def decode(content: bytes, name: str) -> str:
    """Return the text of a file or pipe: UTF-8, or UTF-16 and UTF-32 with a byte order mark.

    Args:
        content: All bytes; the last character may be cut, as by ``head -c``.
        name: The file in error messages.

    Raises:
        NotText: The bytes are of another kind.
    """
    if _PDF in content[:_PDF_WITHIN]:
        raise NotText(f"{name} is a PDF, not text. Convert it first, e.g. with: pdftotext FILE -")
    for encoding in (encoding for mark, encoding in _BOMS if content.startswith(mark)):
        try:
            return _checked(content.decode(encoding), name)
        except UnicodeDecodeError as error:
            raise NotText(f"{name} is not text: not valid {encoding} (byte {error.start}).") from error
    for signature, kind in _SIGNATURES:
        if content.startswith(signature) and not _is_utf8(content):
            raise NotText(f"{name} is not text: it is {kind}.")
    return _checked(codecs.getincrementaldecoder("utf-8")("replace").decode(content), name)


def _is_utf8(content: bytes) -> bool:
    try:
        return b"\0" not in content and bool(codecs.getincrementaldecoder("utf-8")().decode(content))
    except UnicodeDecodeError:
        return False


def _checked(text: str, name: str) -> str:
    if "\0" in text:
        raise NotText(f"{name} is not text: it contains NUL bytes.")
    if len(_CONTROLS.findall(text)) > _TOLERATED * len(text):
        raise NotText(f"{name} is not text: it contains control characters.")
    if text.count("\N{REPLACEMENT CHARACTER}") > _TOLERATED * len(text):
        raise NotText(f"{name} is not UTF-8 text. Convert it first, e.g. with: iconv -f LATIN1 -t UTF-8 FILE")
    return text
