"""Pictures and sounds of a request: files in base64, of a stranger's making."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backends.contract import EngineError

MOST_PIXELS = 50_000_000
_PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_RATES = range(1_000, 400_000)
_EXTENSIBLE = 0xFFFE
"""The kind of samples stands further behind."""


def picture(content: str) -> NDArray[Any]:
    """RGB, shape [height, width, 3], uint8, turned as its EXIF says.

    Raises:
        EngineError: ``bad_param``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(_decoded(content, "image")), formats=_PICTURES) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
    except EngineError:
        raise
    except Image.DecompressionBombError as error:
        raise _bad("image", f"has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller") from error
    except Exception as error:
        # The library's decoders raise whatever they please: OSError, SyntaxError, struct.error, ValueError, …
        raise _bad("image", f"is no picture that can be read ({', '.join(_PICTURES)}): {error}") from error


def shrunk(pixels: NDArray[Any], longest: int) -> NDArray[Any]:
    """The picture with no side longer than that."""
    height, width = pixels.shape[:2]
    if max(height, width) <= longest:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    return np.ascontiguousarray(image)


def mask(pixels: NDArray[Any], height: int, width: int) -> str:
    """A PNG of that size in base64, white where ``pixels`` (shape [any, any], bool) are true."""
    out = io.BytesIO()
    image = Image.fromarray(pixels.astype(np.uint8) * 255)
    image.resize((width, height), Image.Resampling.NEAREST).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


def sound(content: str) -> tuple[NDArray[np.float32], int]:
    """Samples of one channel, -1 to 1, and how many a second, of a WAV file (PCM or float).

    Raises:
        EngineError: ``bad_param``.
    """
    try:
        return _wave(_decoded(content, "audio"))
    except (struct.error, ValueError, IndexError) as error:
        raise _bad("audio", f"is no WAV file that can be read: {error}") from error


def _wave(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Microsoft's RIFF WAVE: chunks of a name, a size, and as many bytes, padded to two."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _bad("audio", "is no WAV file")
    form, at = b"", 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = body
        elif name == b"data" and form:
            return _samples(form, body)
        at += 8 + size + size % 2
    raise _bad("audio", "is a WAV file without sound in it")


def _samples(form: bytes, body: bytes) -> tuple[NDArray[np.float32], int]:
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if kind == _EXTENSIBLE:
        (kind,) = struct.unpack_from("<H", form, 24)
    width = bits // 8
    if not 1 <= channels <= 32 or rate not in _RATES:
        raise _bad("audio", f"has {channels} channels and {rate} samples a second")
    whole = body[: len(body) // (width * channels) * width * channels] if width else b""
    if not whole:
        raise _bad("audio", "has no samples")
    match kind, bits:
        case 1, 8:
            samples = (np.frombuffer(whole, np.uint8).astype(np.float32) - 128) / 128
        case 1, 24:
            padded = np.zeros((len(whole) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(whole, np.uint8).reshape(-1, 3)
            samples = padded.view("<i4").reshape(-1).astype(np.float32) / 2**31
        case 1, (16 | 32):
            samples = np.frombuffer(whole, f"<i{width}").astype(np.float32) / 2 ** (bits - 1)
        case 3, (32 | 64):
            samples = np.nan_to_num(np.frombuffer(whole, f"<f{width}")).clip(-1, 1).astype(np.float32)
        case _:
            raise _bad("audio", f"is of a kind that is not read: format {kind}, {bits} bits (PCM and float are)")
    return np.ascontiguousarray(samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)), rate


def _decoded(content: str, field: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(field, f"is no base64: {error}") from error


def _bad(field: str, what: str) -> EngineError:
    return EngineError("bad_param", f"inputs.{field} {what}.", param=f"inputs.{field}")
