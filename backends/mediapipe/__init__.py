"""MediaPipe's vision, audio and text tasks."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="mediapipe",
    language="python",
    engine="backends.mediapipe.engine:MediapipeEngine",
    formats=("task", "tflite"),
    tasks=(
        "audio-classification",
        "image-classification",
        "image-segmentation",
        "keypoint-detection",
        "object-detection",
        "text-classification",
    ),
    capabilities=("infer",),
    requires=("mediapipe",),
    install_hint="uv pip install 'tabagent[mediapipe]'",
)
