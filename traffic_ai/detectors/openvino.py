"""OpenVINO sessions: the same graphs as in ONNX Runtime, in Intel's runtime. An extra."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.detectors.inputs import checked_input

_CONFIG = {
    "PERFORMANCE_HINT": "LATENCY",
    # Where the processor can, it would count in bfloat16 unasked; boxes are to be the same ones.
    "INFERENCE_PRECISION_HINT": "f32",
    # Threads bound to cores would fight with those that decode the next picture.
    "ENABLE_CPU_PINNING": "NO",
}


class OpenVinoSession:
    """A graph with one float32 input [1, 3, H, W]; implements `networks.GraphSession`.

    data: serialised ONNX; where: names the weights in messages. Threads that call at once wait for
    each other. Raises ModelError.
    """

    def __init__(self, data: bytes, where: str, threads: int) -> None:
        self._where = where
        core = openvino.Core()
        try:
            model = core.read_model(data)
            self._model: Any = core.compile_model(
                model, "CPU", {**_CONFIG, "INFERENCE_NUM_THREADS": threads}
            )
        except RuntimeError as error:
            raise UnusableModelError(
                f"{where} cannot be run by OpenVINO: {_first_line(error)}"
            ) from error
        self.input_px = checked_input(where, [_described(i) for i in self._model.inputs])
        self._request: Any = self._model.create_infer_request()
        self._turn = threading.Lock()

    def run(
        self, blob: NDArray[np.float32], outputs: Sequence[str] | None = None
    ) -> list[NDArray[np.float32]]:
        """As `networks.GraphSession` says."""
        wanted = range(len(self._model.outputs)) if outputs is None else outputs
        try:
            with self._turn:
                found = self._request.infer([blob], share_inputs=True)
            return [np.asarray(found[name], np.float32) for name in wanted]
        except RuntimeError as error:
            size = list(blob.shape)
            raise ModelError(
                f"{self._where} fails in OpenVINO on an input {size}: {_first_line(error)}"
            ) from error


def _described(value: Any) -> tuple[str, bool, list[int | None]]:
    kind, shape = str(value.get_element_type()), value.get_partial_shape()
    sizes = [side.get_length() if side.is_static else None for side in shape]
    return f"{kind} {shape}", kind == "<Type: 'float32'>", sizes


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
