"""ONNX Runtime sessions: one graph, ready to run, with its failures turned into ModelError."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.letterbox import STRIDE_PX

CPU = "CPUExecutionProvider"
MOST_THREADS = 4  # a small network gains little beyond; more cores serve more cameras

# ONNX Runtime's exceptions have no base of their own.
_ORT_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    ValueError,
)
_FATAL_ONLY = 4  # what goes wrong is raised; the native log would only repeat it on stderr


class Session:
    """A graph with one float32 input [1, 3, H, W]. `where` names the weights in messages.

    threads: by default the cores this process may use, at most 4. Raises ModelError.
    """

    def __init__(
        self,
        data: bytes,
        where: str,
        threads: int | None = None,
        providers: Sequence[str] = (CPU,),
    ) -> None:
        self._where = where
        absent = [p for p in providers if p not in onnxruntime.get_available_providers()]
        if absent or not providers:
            raise ModelError(
                f"providers {list(providers)} cannot be used: this ONNX Runtime has "
                f"{onnxruntime.get_available_providers()}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(_cores(), MOST_THREADS)
        options.log_severity_level = _FATAL_ONLY
        # Threads that wait for the next picture must not burn the cores that decode it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=list(providers))
        except _ORT_ERRORS as error:
            raise ModelError(f"{where} cannot be run: {error}") from error
        if self._session.get_providers()[0] != providers[0]:
            raise ModelError(
                f"provider {providers[0]} did not start (running on "
                f"{self._session.get_providers()[0]}); check its driver and libraries"
            )
        self._input, self.input_px = self._read_input()

    def _read_input(self) -> tuple[str, tuple[int, int] | None]:
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if inputs else []
        batch, channels, *size = shape if len(shape) == 4 else (0, 0)
        fixed = [side for side in size if isinstance(side, int)]
        if (
            len(inputs) != 1
            or inputs[0].type != "tensor(float)"
            or not (batch == 1 or not isinstance(batch, int))
            or channels != 3
            or len(fixed) == 1
            or any(side <= 0 or side % STRIDE_PX for side in fixed)
        ):
            found = ", ".join(f"{i.type} {i.shape}" for i in inputs) or "none"
            raise ModelError(
                f"{self._where}: input is {found}; wanted one tensor(float) [1, 3, H, W] with "
                f"sides a multiple of {STRIDE_PX}; export it with batch=1 and without half"
            )
        return inputs[0].name, (fixed[1], fixed[0]) if fixed else None

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the exporter wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(
        self, blob: NDArray[np.float32], outputs: list[str] | None = None
    ) -> list[NDArray[np.float32]]:
        """The named outputs (all by default) for a blob (1, 3, H, W)."""
        try:
            found = self._session.run(outputs, {self._input: blob})
        except _ORT_ERRORS as error:
            size = list(blob.shape)
            raise ModelError(f"{self._where} fails on an input {size}: {error}") from error
        return [np.asarray(value, np.float32) for value in found]


def _cores() -> int:
    return len(os.sched_getaffinity(0))
