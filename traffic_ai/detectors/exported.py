"""An exported ONNX file: checked, understood, and cut where that gives the same.

The slow way to a network, which needs the `onnx` package; `prepared` keeps what comes of it.
"""

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.detectors.classes import COCO_CLASS_COUNT, ClassColumns, class_columns, parse_names
from traffic_ai.detectors.decode import decode_table
from traffic_ai.detectors.engines import EngineChoice, open_session
from traffic_ai.detectors.graph import cut, tensors
from traffic_ai.detectors.networks import CutNetwork, EndToEndNetwork, WholeNetwork
from traffic_ai.detectors.prepared import TRIAL_PX, Prepared, rows, same_rows, trial_blob
from traffic_ai.detectors.runtime import Session

_OPEN_PX = (128, 96)  # what a graph of open size is tried with


class Export:
    """A file's graph, run once as it is. `where` names the file in messages. Raises ModelError."""

    def __init__(self, data: bytes, where: str, threads: int) -> None:
        self._data, self._where, self._threads = data, where, threads
        self._model = _parse(data, where)
        session = Session(data, where, threads)
        self._input_px = session.input_px
        self._trial = trial_blob(session.input_px or _OPEN_PX)
        self._output = session.run(self._trial)[0]
        names = parse_names(session.metadata.get("names"))
        shape = self._output.shape
        single = len(shape) == 3 and shape[0] == 1
        self._end_to_end = single and shape[2] == 6 != shape[1]
        expected = len(names) if names else COCO_CLASS_COUNT
        if self._end_to_end:
            count = max(names) + 1 if names else COCO_CLASS_COUNT
        elif single and shape[1] - 4 == expected:
            count = expected
        else:
            raise UnusableModelError(
                f"{where}: output {list(shape)} is not a YOLO detector's; wanted "
                f"[1, 4 + {expected} classes, cells] (YOLOv8 and later) or [1, boxes, 6] "
                "(suppression inside), with its class names unless they are COCO's"
            )
        self._classes = class_columns(names, count, where)

    def prepare(self) -> Prepared | None:
        """The graph cut and freed in size; None where it cannot be, or finds something else."""
        if self._input_px is None or self._end_to_end:
            return None
        part = cut(self._model, self._classes.columns.tolist())
        if part is None:
            return None
        column_of = {number: i for i, number in enumerate(part.columns)}
        columns = np.array([column_of[n] for n in self._classes.columns.tolist()], np.int64)
        classes = ClassColumns(columns, self._classes.road_users, len(part.columns))
        try:
            session = Session(part.data, self._where, self._threads)
            network = CutNetwork(session, part.scales, classes)
            wanted = rows(decode_table(self._output[0], self._classes, 0.0))
            if not same_rows(rows(network.propose(self._trial, 0.0)[0]), wanted):
                return None
            trial = rows(network.propose(trial_blob(TRIAL_PX), 0.0)[0])
        except (ModelError, ValueError, IndexError):
            return None  # the guess was wrong; the whole graph is right by definition
        return Prepared(part.data, part.scales, classes, trial)

    def whole(self, choice: EngineChoice) -> WholeNetwork:
        """The graph as it is, in an engine."""
        if choice.engine.is_int8:
            raise UnusableModelError(
                f"{self._where} has no eight-bit graph: only weights whose graph can be cut get "
                "one; choose another engine"
            )
        session = open_session(self._data, self._where, choice)
        kind = EndToEndNetwork if self._end_to_end else WholeNetwork
        return kind(session, self._classes)


def _parse(data: bytes, where: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise UnusableModelError(
            f"{where} is not an ONNX file, or not all of one ({len(data)} bytes); fetch it anew"
        ) from error
    if not model.graph.node:
        raise UnusableModelError(f"{where} is not an ONNX file: no graph in its {len(data)} bytes")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors(model)):
        raise UnusableModelError(
            f"{where} keeps its weights in another file, which its hash does not cover; "
            "save the model as one file"
        )
    return model
