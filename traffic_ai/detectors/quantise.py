"""Eight bits: a prepared graph whose convolutions count in whole numbers of a byte.

Each tensor gets a scale and a zero so that a byte covers what it held in the pictures shown here
(Jacob et al. 2018). The convolutions that end in the maps stay as they are: a step of a byte there
is a step of the box's edge. What comes of it is a guess until `agreement` has compared it.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.detectors.engines import Engine, EngineChoice, open_session
from traffic_ai.detectors.letterbox import Canvas, Letterbox
from traffic_ai.detectors.prepared import TRIAL_PX, Prepared, rows, trial_blob


def in_eight_bits(prepared: Prepared, pictures: Sequence[Image], size_px: int) -> Prepared:
    """The graph in eight bits, its scales taken from pictures brought to size_px.

    Raises ModelError where the graph cannot be made or does not run.
    """
    model = onnx.load_model_from_string(prepared.graph)
    outputs = {name for s in prepared.scales for name in (s.distances, s.classes) if name}
    last = [n.name for n in model.graph.node if outputs.intersection(n.output)]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "int8.onnx"
        try:
            quantize_static(
                model,
                path,
                _Pictures(model.graph.input[0].name, pictures, size_px),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATIONS,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=last,
                calibrate_method=CalibrationMethod.MinMax,
            )
            graph = path.read_bytes()
        except Exception as error:  # whatever the package raises of a graph it does not know
            raise ModelError(
                f"no eight-bit graph can be made of these weights ({type(error).__name__}: {error})"
            ) from error
    network = prepared.network(open_session(graph, "the eight-bit graph", _ORT_INT8))
    trial = rows(network.propose(trial_blob(TRIAL_PX), 0.0)[0])
    return Prepared(graph, prepared.scales, prepared.classes, trial)


_OPERATIONS = ["Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Split"]
_ORT_INT8 = EngineChoice(Engine.ORT_INT8)


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """The pictures as the network gets them, one at a time."""

    def __init__(self, name: str, pictures: Sequence[Image], size_px: int) -> None:
        self._name = name
        self._size_px = size_px
        self._left = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        """The next picture's blob, None after the last."""
        image = next(self._left, None)
        if image is None:
            return None
        canvas = Canvas(Letterbox.rectangular((image.shape[1], image.shape[0]), self._size_px))
        canvas.draw(image)
        return {self._name: canvas.blob}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the package's advice, which it gives to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
