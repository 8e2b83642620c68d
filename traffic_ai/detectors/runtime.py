"""ONNX Runtime sessions: one graph, ready to run, with its failures turned into ModelError."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.detectors.engines import Engine
from traffic_ai.detectors.inputs import checked_input

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
_PROVIDERS = {Engine.CUDA: (CUDA, CPU), Engine.TENSORRT: (TENSORRT, CUDA, CPU)}
# An NVIDIA card rounds products to ten bits unless told otherwise; boxes are to be the same ones.
_OPTIONS = {CUDA: {"use_tf32": "0"}}

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


def providers(engine: Engine) -> tuple[str, ...]:
    """ONNX Runtime's providers that an engine stands for, first choice first."""
    return _PROVIDERS.get(engine, (CPU,))


class Session:
    """A graph with one float32 input [1, 3, H, W]; implements `networks.GraphSession`.

    where: names the weights in messages. providers: ONNX Runtime's, first choice first; the first
    must start. Raises ModelError.
    """

    def __init__(
        self, data: bytes, where: str, threads: int, providers: Sequence[str] = (CPU,)
    ) -> None:
        self._where = where
        if providers[0] not in onnxruntime.get_available_providers():
            raise UnusableModelError(
                f"provider {providers[0]} cannot be used: this ONNX Runtime has "
                f"{onnxruntime.get_available_providers()}; CUDA and TensorRT come with the package "
                "onnxruntime-gpu (extra `gpu`), which must stand in place of onnxruntime"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL_ONLY
        # Threads that wait for the next picture must not burn the cores that decode it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A plan of one block for each input size stands beside what the first run took, a third
        # more memory for no speed.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=[(p, _OPTIONS.get(p, {})) for p in providers]
            )
        except _ORT_ERRORS as error:
            raise UnusableModelError(f"{where} cannot be run: {error}") from error
        if self._session.get_providers()[0] != providers[0]:
            raise UnusableModelError(
                f"provider {providers[0]} did not start (running on "
                f"{self._session.get_providers()[0]}); check its driver and libraries"
            )
        if providers[0] == CPU:
            # It keeps the whole file's bytes to start anew with other providers where one fails.
            self._session.disable_fallback()
            self._session._model_bytes = None
        inputs = self._session.get_inputs()
        self.input_px = checked_input(
            where, [(f"{i.type} {i.shape}", i.type == "tensor(float)", _sizes(i)) for i in inputs]
        )
        self._input = inputs[0].name

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the exporter wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(
        self, blob: NDArray[np.float32], outputs: Sequence[str] | None = None
    ) -> list[NDArray[np.float32]]:
        """As `networks.GraphSession` says."""
        try:
            found = self._session.run(outputs, {self._input: blob})
        except _ORT_ERRORS as error:
            size = list(blob.shape)
            raise ModelError(f"{self._where} fails on an input {size}: {error}") from error
        return [np.asarray(value, np.float32) for value in found]


def _sizes(value: Any) -> list[int | None]:
    """Sizes of an input, None where open (ONNX Runtime gives a name or None there)."""
    return [side if isinstance(side, int) else None for side in value.shape]
