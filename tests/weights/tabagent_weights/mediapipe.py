"""MediaPipe's own models as npm carries them, with the metadata that its tasks in Python want, and a photograph."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tabagent_weights import made, packages

_PACKAGES = {
    "face_detection": "0.4.1657300184",
    "selfie_segmentation": "0.1.1675465747",
    "hands": "0.4.1675469240",
    "pose": "0.5.1675469404",
}
_SIGNED, _UNSIGNED = (127.5, 127.5), (0.0, 255.0)
"""Mean and deviation of pictures from -1 to 1, and from 0 to 1."""
_PALMS = slice(11, 2_341_291)
"""Where the full palm detector lies in the pack of ``hands``: ``hands_solution_packed_assets_loader.js``."""


def bare(package: str, name: str) -> Path:
    """A file of a package as it is."""

    def make(folder: Path) -> None:
        wanted = f"@mediapipe/{package}@{_PACKAGES[package]}"
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{wanted}: {done.stderr[-2000:]}")
        tarball = next(folder.glob("*.tgz"))
        with tarfile.open(tarball) as archive:
            for member in archive.getmembers():
                if member.name.endswith((".tflite", ".data")) and member.size:
                    member.name = Path(member.name).name
                    archive.extract(member, folder, filter="data")
        tarball.unlink()

    return made(f"mediapipe-{package}", 1, make) / name


def face_detector() -> Path:
    """Faces at arm's length, and six points in each."""
    return _described("face_detection", "face_detection_short_range.tflite", _SIGNED)


def selfie_segmenter() -> Path:
    """People before what is behind them."""
    return _described("selfie_segmentation", "selfie_segmentation.tflite", _UNSIGNED)


def pose_landmarker() -> Path:
    """33 points of a body."""
    detector = bare("pose", "pose_solution_packed_assets.data").read_bytes()
    landmarks = bare("pose", "pose_landmark_lite.tflite").read_bytes()
    models = {
        "pose_detector.tflite": _with_image(detector, _SIGNED),
        "pose_landmarks_detector.tflite": _with_image(landmarks, _UNSIGNED),
    }
    return _bundle("pose_landmarker", models)


def hand_landmarker() -> Path:
    """21 points of a hand."""
    detector = bare("hands", "hands_solution_packed_assets.data").read_bytes()[_PALMS]
    landmarks = bare("hands", "hand_landmark_lite.tflite").read_bytes()
    models = {
        "hand_detector.tflite": _with_image(detector, _UNSIGNED),
        "hand_landmarks_detector.tflite": _with_image(landmarks, _UNSIGNED),
    }
    return _bundle("hand_landmarker", models)


def photograph() -> Path:
    """Grace Hopper, 512 by 600, from matplotlib, which mediapipe brings."""
    return packages.folder("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"


def _described(package: str, name: str, range_: tuple[float, float]) -> Path:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(_with_image(bare(package, name).read_bytes(), range_))

    return made(f"mediapipe-{package}-described", 1, make) / name


def _with_image(graph: bytes, range_: tuple[float, float]) -> bytes:
    from tabagent_weights import tflite_metadata as metadata  # noqa: PLC0415  # only who makes it needs mediapipe

    names = metadata.output_names(graph)
    return metadata.describe(graph, [metadata.image_input(*range_)], [metadata.output(name) for name in names])


def _bundle(name: str, models: Mapping[str, bytes]) -> Path:
    file = f"{name}.task"
    return made(f"mediapipe-{name}", 1, lambda folder: bundle(folder / file, models)) / file


def bundle(path: Path, models: Mapping[str, bytes]) -> Path:
    """A ``.task``: MediaPipe wants its members uncompressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in models.items():
            archive.writestr(name, content)
    return path
