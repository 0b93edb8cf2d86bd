"""Pictures and sounds of a request: files in base64, of a stranger's making."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backends.contract import EngineError
from backends.task_inputs import unusable

MOST_PIXELS = 50_000_000
MOST_SECONDS = 4 * 3600
RATES = range(1_000, 384_001)
"""Samples a second of sounds that are recorded; a header may claim any other number."""
MOST_CHANNELS = 16
MOST_FRAMES = 200_000_000
"""Of one channel, as float32 in memory: 800 MB, or more than an hour at 48 kHz."""
MOST_SAMPLES = 2 * MOST_FRAMES
"""Of all channels together: what is decoded."""
_FRAMES_AT_ONCE = 64 * 1024
_PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def picture(content: str, path: str = "inputs.image") -> NDArray[Any]:
    """RGB, shape [height, width, 3], uint8, turned as its EXIF says; ``path`` is where the request has it.

    Raises:
        EngineError: ``bad_param``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(_decoded(content, path)), formats=_PICTURES) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
    except EngineError:
        raise
    except Image.DecompressionBombError as error:
        raise unusable(path, f"has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller") from error
    except Exception as error:
        # The library's decoders raise whatever they please: OSError, SyntaxError, struct.error, ValueError, …
        raise unusable(path, f"is no picture that can be read ({', '.join(_PICTURES)}): {error}") from error


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
    """Samples of one channel, -1 to 1, and how many a second, of a WAV, FLAC, Ogg or MP3 file.

    Raises:
        EngineError: ``bad_param``.
    """
    data = _decoded(content, "inputs.audio")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples, rate = _samples(file), int(file.samplerate)
    except soundfile.SoundFileError as error:
        raise unusable("inputs.audio", f"is no sound file that can be read: {error}") from error
    if not len(samples):
        raise unusable("inputs.audio", "has no samples")
    return samples, rate


def _samples(file: soundfile.SoundFile) -> NDArray[np.float32]:
    """Decode one channel block by block. What the header claims is not trusted: compressed sound may have more."""
    rate, channels = int(file.samplerate), int(file.channels)
    if rate not in RATES:
        raise unusable("inputs.audio", f"has {rate} samples a second; {RATES[0]} to {RATES[-1]} are supported")
    if not 1 <= channels <= MOST_CHANNELS:
        raise unusable("inputs.audio", f"has {channels} channels; at most {MOST_CHANNELS} are supported")
    most = min(MOST_SECONDS * rate, MOST_FRAMES, MOST_SAMPLES // channels)
    if file.frames > most:
        raise _too_long(most, rate)
    blocks: list[NDArray[np.float32]] = []
    frames = 0
    while len(block := file.read(_FRAMES_AT_ONCE, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > most:
            raise _too_long(most, rate)
        blocks.append(np.nan_to_num(block.mean(axis=1, dtype=np.float32)).clip(-1, 1))
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


def _too_long(frames: int, rate: int) -> EngineError:
    return unusable("inputs.audio", f"is longer than {frames // rate} s, the limit at {rate} samples a second; cut it")


def _decoded(content: str, path: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise unusable(path, f"is no base64: {error}") from error
