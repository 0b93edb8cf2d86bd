"""Execution providers as data, best first: what computes an ONNX graph on which hardware.

Names: <https://onnxruntime.ai/docs/execution-providers/>.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnxruntime

from backends.contract import EngineError, LoadRequest


@dataclass(frozen=True, slots=True)
class Provider:
    """``device`` is what a user asks for; ``genai`` its name in onnxruntime-genai, empty where that has none."""

    name: str
    device: str
    genai: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


PROVIDERS = (
    Provider("QNNExecutionProvider", "npu", "QNN", {"backend_type": "htp"}),
    Provider("OpenVINOExecutionProvider", "npu", "OpenVINO", {"device_type": "NPU"}),
    Provider("VitisAIExecutionProvider", "npu", "VitisAI"),
    Provider("TensorrtExecutionProvider", "cuda"),
    Provider("CUDAExecutionProvider", "cuda", "cuda"),
    Provider("DmlExecutionProvider", "gpu", "dml"),
    Provider("CoreMLExecutionProvider", "metal"),
    Provider("CPUExecutionProvider", "cpu"),
)


def candidates(request: LoadRequest) -> list[Provider]:
    """The providers of this installation to try, in order; the CPU comes last and always.

    Raises:
        EngineError: ``load_failed`` where the device that was asked for has none.
    """
    built_in = set(onnxruntime.get_available_providers())
    there = [provider for provider in PROVIDERS if provider.name in built_in]
    if request.device == "auto":
        return there
    asked = [provider for provider in there if provider.device == request.device]
    if not asked:
        names = ", ".join(provider.name for provider in PROVIDERS if provider.device == request.device)
        raise EngineError(
            "load_failed",
            f"This build of ONNX Runtime has no provider for {request.device} ({names}). "
            "Install the one that has, or load with device cpu or auto.",
            device=request.device,
        )
    return asked
