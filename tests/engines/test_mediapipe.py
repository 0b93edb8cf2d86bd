"""What MediaPipe's tasks see and hear, through the real host; and that they do so without a network."""

from __future__ import annotations

import base64
import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tabagent_harness import HostProcess
from tabagent_weights import mediapipe, tflite_graphs
from tests.engines.samples.mediapipe import photograph
from tests.sounds import wav
from tests.support import Installation, processes

RED, BLUE = (255, 0, 0), (0, 0, 255)


def ask(host: HostProcess, model: Path, parameters: dict[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    return host.result("infer", model=str(model), engine="mediapipe", inputs=inputs, parameters=parameters or {})


def output(host: HostProcess, model: Path, parameters: dict[str, Any] | None = None, **inputs: Any) -> Any:
    last = ask(host, model, parameters, **inputs)
    assert last["event"] == "done", last
    return last["result"]["output"]


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30), form: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_face_is_found(host: HostProcess) -> None:
    (face,) = output(host, mediapipe.face_detector(), **photograph())
    assert face["label"] == "face"
    assert face["score"] > 0.9
    expected = {"xmin": 171, "ymin": 146, "xmax": 365, "ymax": 340}
    assert all(abs(face["box"][side] - place) <= 4 for side, place in expected.items()), face["box"]
    points = {point["label"]: point for point in face["keypoints"]}
    assert points["right_eye"]["x"] < points["nose_tip"]["x"] < points["left_eye"]["x"]
    assert points["left_eye"]["y"] < points["nose_tip"]["y"] < points["mouth_center"]["y"]
    assert output(host, mediapipe.face_detector(), {"threshold": 0.99}, **photograph()) == []
    assert output(host, mediapipe.face_detector(), image=picture(RED)) == []


def test_a_person_is_told_from_the_background(host: HostProcess) -> None:
    (found,) = output(host, mediapipe.selfie_segmenter(), **photograph())
    assert found["label"] == "foreground"
    assert 0.8 < found["score"] <= 1
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["mask"]))))
    assert mask.shape == (600, 512)
    assert set(np.unique(mask)) == {0, 255}
    assert 0.45 < (mask == 255).mean() < 0.7
    assert mask[250, 270] == 255, "the face"
    assert mask[30, 10] == 0, "the flag behind"


def test_a_body_is_found(host: HostProcess) -> None:
    (person,) = output(host, mediapipe.pose_landmarker(), **photograph())
    assert person["label"] == "person"
    assert person["score"] > 0.5
    points = {point["label"]: (point["x"], point["y"]) for point in person["keypoints"]}
    assert len(points) == 33
    (left, right), nose = (points["left_shoulder"], points["right_shoulder"]), points["nose"]
    assert right[0] < nose[0] < left[0]
    assert nose[1] < min(left[1], right[1])
    assert 171 <= nose[0] <= 365
    assert 146 <= nose[1] <= 340


def test_no_hand_is_no_hand(host: HostProcess) -> None:
    assert output(host, mediapipe.hand_landmarker(), **photograph()) == []


def test_classes_of_pictures(host: HostProcess) -> None:
    classes = output(host, tflite_graphs.colour_classifier(), image=picture(RED, form="JPEG"))
    assert classes[0]["label"] == "red"
    assert abs(sum(it["score"] for it in classes) - 1) < 1e-3
    (best,) = output(host, tflite_graphs.colour_classifier(), {"top_k": 1}, image=picture(BLUE))
    assert best["label"] == "blue"


def test_objects(host: HostProcess) -> None:
    model = tflite_graphs.fixed_detector()
    (cat,) = output(host, model, image=picture(RED, (200, 100)))
    assert (cat["label"], round(cat["score"], 3)) == ("cat", 0.9)
    assert cat["box"] == {"xmin": 0, "ymin": 0, "xmax": 100, "ymax": 50}
    both = output(host, model, {"threshold": 0.3}, image=picture(RED, (200, 100)))
    assert [it["label"] for it in both] == ["cat", "dog"]
    assert both[1]["box"] == {"xmin": 100, "ymin": 50, "xmax": 200, "ymax": 100}


@pytest.mark.parametrize(
    ("bits", "kind", "channels"), [(8, 1, 1), (16, 1, 1), (24, 1, 2), (32, 1, 1), (32, 3, 2), (64, 3, 1)]
)
def test_sounds_of_every_kind_of_wav(host: HostProcess, bits: int, kind: int, channels: int) -> None:
    model = tflite_graphs.loudness_classifier()
    loud = [0.6 * (-1) ** (n // channels // 24) for n in range(4800 * channels)]
    noise = wav(loud, rate=48_000, bits=bits, kind=kind, channels=channels)
    assert output(host, model, {"top_k": 1}, audio=encoded(noise))[0]["label"] == "noise"
    quiet = wav([0.0] * 4800 * channels, bits=bits, kind=kind, channels=channels)
    assert output(host, model, {"top_k": 1}, audio=encoded(quiet))[0]["label"] == "silence"


def test_texts(host: HostProcess) -> None:
    model = tflite_graphs.mood_classifier()
    assert output(host, model, text="what a good day")[0]["label"] == "positive"
    assert output(host, model, text="a bad, bad day")[0]["label"] == "negative"


def test_several_at_once(host: HostProcess) -> None:
    model = str(mediapipe.face_detector())
    requests = [host.send("infer", model=model, engine="mediapipe", inputs=photograph()) for _ in range(6)]
    answers = [list(host.events(request))[-1]["result"]["output"] for request in requests]
    assert all(answer == answers[0] for answer in answers)


def test_bad_inputs_are_refused_and_the_next_one_is_served(host: HostProcess) -> None:
    image = Path(mediapipe.photograph()).read_bytes()
    model = mediapipe.face_detector()
    for content in ("", "no base64!", encoded(b"GIF89a"), encoded(image[:3000]), encoded(os.urandom(2000))):
        error = ask(host, model, image=content)["error"]
        assert (error["code"], error["details"]["path"]) == ("bad_param", "inputs.image"), content[:20]
    for path in ("/etc/passwd", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        assert ask(host, model, image=encoded(path.encode()))["error"]["code"] == "bad_param"
    for side in (8_000, 20_000):
        bomb = io.BytesIO()
        Image.new("1", (side, side)).save(bomb, "PNG")
        error = ask(host, model, image=encoded(bomb.getvalue()))["error"]
        assert (error["code"], "50 million" in error["message"]) == ("bad_param", True)
    assert ask(host, model, text="a face?")["error"]["code"] == "bad_param"
    noise = wav([0.5] * 100)
    model = tflite_graphs.loudness_classifier()
    mp3 = wav([0.5] * 100, kind=85)
    for content in ("", "?", encoded(b"RIFF"), encoded(noise[:44]), encoded(noise[:20]), encoded(mp3)):
        error = ask(host, model, audio=content)["error"]
        assert (error["code"], error["details"]["path"]) == ("bad_param", "inputs.audio"), content[:20]
    assert output(host, mediapipe.face_detector(), **photograph())


def test_what_is_missing_is_named(host: HostProcess, tmp_path: Path) -> None:
    def error(path: Path) -> dict[str, Any]:
        found: dict[str, Any] = host.result("load_model", model=str(path), engine="mediapipe")["error"]
        return found

    bare = error(mediapipe.bare("face_detection", "face_detection_short_range.tflite"))
    assert bare["code"] == "load_failed"
    assert "TFLITE_METADATA" in bare["message"]
    assert "litert" in bare["message"]
    for name, word in {
        "face_landmarks_detector.tflite": "wrong positions",
        "TF_LITE_PREFILL_DECODE": "litert",
        "other": "other",
    }.items():
        refused = error(mediapipe.bundle(tmp_path / "some.task", {name: b"?"}))
        assert refused["code"] == "unsupported_format"
        assert word in refused["message"]


def test_the_second_best_engine_takes_what_has_no_metadata(host: HostProcess) -> None:
    path = mediapipe.bare("selfie_segmentation", "selfie_segmentation_landscape.tflite")
    result = host.result("load_model", model=str(path), engine="fallback")["result"]
    assert result["engine"] == "litert"
    assert [it["engine"] for it in result["fallbacks"]] == ["mediapipe"]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Waits on loopback for a library that calls home."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_it_sees_without_a_network(tabagent: Installation, listener: socket.socket) -> None:
    """The library looks up a Google host when a task of vision runs. Its worker has no internet socket at all."""
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    tabagent.environ.update(dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address))
    with tabagent.host() as host:
        (face,) = output(host, mediapipe.face_detector(), **photograph())
        assert face["score"] > 0.9
        (model,) = host.result("status")["result"]["models"]
        (worker,) = [process for process in processes() if process.pid == model["pid"]]
        assert "backends.worker" in worker.command
        sockets = [os.readlink(link) for link in Path(f"/proc/{worker.pid}/fd").iterdir() if link.is_symlink()]
        assert not [target for target in sockets if target.startswith("socket:")]
        (filtered,) = [
            line for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines() if "Seccomp:" in line
        ]
        assert filtered.split()[1] == "2"
    with pytest.raises(TimeoutError):
        listener.accept()


def test_the_library_is_refused_what_it_asks_for(listener: socket.socket) -> None:
    """In the guard that every worker has, a task runs and nothing reaches the listener, not even what tries to."""
    program = f"""
import os, socket
from backends.network_guard import leave_network
assert leave_network()
from pathlib import Path
from backends.mediapipe.vision import FaceDetector
from tests.engines.samples.mediapipe import photograph
try:
    socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}))
except PermissionError:
    found = FaceDetector(Path({str(mediapipe.face_detector())!r})).run(photograph()["image"], {{}})
    os._exit(0 if found[0]["score"] > 0.9 else 1)
os._exit(2)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with pytest.raises(TimeoutError):
        listener.accept()
