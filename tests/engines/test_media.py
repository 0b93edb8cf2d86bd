"""Sounds and pictures whose headers lie, or that unpack to far more than they weigh."""

from __future__ import annotations

import base64
import io
import resource
import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from backends import media
from backends.contract import EngineError
from backends.speech.sound import heard
from tests.sounds import wav


def _claiming(rate: int = 16_000, channels: int = 1, frames: int = 50) -> bytes:
    return wav([0.0] * frames * channels, rate, channels=channels)


def _with_frames_claimed(frames: int) -> bytes:
    data = _claiming()
    return data[:40] + struct.pack("<I", frames * 2) + data[44:]


def _silence(form: str, subtype: str, rate: int, seconds: int) -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", rate, 1, subtype, format=form) as file:
        for _ in range(seconds):
            file.write(np.zeros(rate, np.float32))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        _claiming(rate=30_000_001),
        _claiming(rate=1),
        _claiming(rate=2**31 - 1),
        _claiming(rate=999),
        _claiming(channels=17),
        _claiming(channels=1000, frames=1),
    ],
    ids=["30 MHz", "1 Hz", "2 GHz", "999 Hz", "17 channels", "1000 channels"],
)
def test_s5_a_sound_that_claims_what_nothing_records(data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(EngineError) as refused:
        heard({"audio": base64.b64encode(data).decode()}, 16_000)
    assert refused.value.code == "bad_param"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_s5_a_sound_that_claims_more_frames_than_it_has() -> None:
    samples, rate = media.sound(base64.b64encode(_with_frames_claimed(2**30)).decode())
    assert (len(samples), rate) == (50, 16_000)


@pytest.mark.parametrize(("form", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_s5_compressed_sound_that_unpacks_without_end(monkeypatch: pytest.MonkeyPatch, form: str, subtype: str) -> None:
    content = base64.b64encode(_silence(form, subtype, 44_100, 20)).decode()
    assert len(media.sound(content)[0]) >= 20 * 44_100
    monkeypatch.setattr(media, "MOST_FRAMES", 10 * 44_100)
    with pytest.raises(EngineError, match="longer than 10 s"):
        media.sound(content)


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "TIFF", "JPEG", "BMP"])
def test_s5_pictures_of_too_many_pixels(form: str) -> None:
    width = 16_383 if form == "WEBP" else 20_000
    out = io.BytesIO()
    options: dict[str, Any] = {"lossless": True, "method": 0} if form == "WEBP" else {}
    Image.new("L" if form != "WEBP" else "RGB", (width, 3_100)).save(out, form, **options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(EngineError) as refused:
        media.picture(base64.b64encode(out.getvalue()).decode())
    assert refused.value.code == "bad_param"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_s5_only_the_first_frame_of_an_animation_is_decoded(form: str) -> None:
    frames = [Image.new("RGB", (500, 500), (number, 0, 0)) for number in range(8)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    assert media.picture(base64.b64encode(out.getvalue()).decode()).shape == (500, 500, 3)
