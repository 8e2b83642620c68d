"""ONNX weights in ONNX Runtime: the detector that is used by default."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.classes import COCO_CLASS_COUNT, ClassColumns, class_columns, parse_names
from traffic_ai.detectors.decode import HeadMaps, decode_maps, decode_rows, decode_table
from traffic_ai.detectors.graph import CutGraph, cut, tensors
from traffic_ai.detectors.runtime import CPU, Session
from traffic_ai.detectors.suppression import IOU_LIMIT
from traffic_ai.detectors.yolo import MIN_CONFIDENCE, Blob, Network, YoloDetector

_TRIAL_PX = (128, 96)  # what a graph of open size is tried with
_OTHER_PX = (64, 32)  # what a cut one is tried with: smaller than any export, and not square
_BOX_TOLERANCE_PX = 0.05  # rounding in another order stays below 0.001
_SCORE_TOLERANCE = 1e-3  # relative


class OnnxDetector(YoloDetector):
    """Road users by YOLO weights in an ONNX file (heads of YOLOv8 and its kin).

    path: the file; sha256: what it must hash to, if given. size_px, min_confidence, iou_limit: as
    in `YoloDetector`. threads: of the network, by default the cores at hand, at most 4. providers:
    ONNX Runtime's, first choice first; ["CUDAExecutionProvider", "CPUExecutionProvider"] for a GPU.

    A graph of fixed input is cut and run at any size where that gives the whole graph's boxes,
    which is tried at every load; else it runs as it is, at its own size. Raises ModelError.
    """

    def __init__(
        self,
        path: Path,
        *,
        sha256: str | None = None,
        size_px: int = 640,
        min_confidence: float = MIN_CONFIDENCE,
        iou_limit: float = IOU_LIMIT,
        threads: int | None = None,
        providers: Sequence[str] = (CPU,),
    ) -> None:
        data = read_weights(path)
        model_hash = hashlib.sha256(data).hexdigest()
        if sha256 is not None and model_hash != sha256:
            raise ModelError(
                f"{path} is not the expected file: its SHA-256 is {model_hash}, wanted {sha256}; "
                "fetch it anew"
            )
        super().__init__(
            load_network(data, str(path), threads, providers),
            model_hash,
            size_px=size_px,
            min_confidence=min_confidence,
            iou_limit=iou_limit,
        )


def read_weights(path: Path) -> bytes:
    """The bytes of a weights file; raises ModelError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"weights {path} cannot be read ({error.strerror or error}); "
            "`traffic-ai models pull yolov8n` fetches the default ones"
        ) from error


def load_network(
    data: bytes, where: str, threads: int | None = None, providers: Sequence[str] = (CPU,)
) -> Network:
    """The network of an ONNX file's bytes. `where` names the file in messages."""
    model = _parse(data, where)
    session = Session(data, where, threads, providers)
    trial = _trial_blob(session.input_px or _TRIAL_PX)
    output = session.run(trial)[0]
    names = parse_names(session.metadata.get("names"))
    if output.ndim == 3 and output.shape[0] == 1 and output.shape[2] == 6 != output.shape[1]:
        count = max(names) + 1 if names else COCO_CLASS_COUNT
        return EndToEndNetwork(session, class_columns(names, count, where))
    count = output.shape[1] - 4 if output.ndim == 3 and output.shape[0] == 1 else 0
    expected = len(names) if names else COCO_CLASS_COUNT
    if count != expected:
        raise ModelError(
            f"{where}: output {list(output.shape)} is not a YOLO detector's; wanted "
            f"[1, 4 + {expected} classes, cells] (YOLOv8 and later) or [1, boxes, 6] "
            "(suppression inside), with its class names unless they are COCO's"
        )
    columns = class_columns(names, count, where)
    if session.input_px is not None and (part := cut(model)) is not None:
        try:
            network = CutNetwork(Session(part.data, where, threads, providers), part, columns)
            if _agrees(network, trial, output[0], columns):
                return network
        except (ModelError, ValueError, IndexError):
            pass  # the guess was wrong; the whole graph is right by definition
    return WholeNetwork(session, columns)


class CutNetwork:
    """A graph cut at its head's maps; takes any size."""

    input_px = None

    def __init__(self, session: Session, graph: CutGraph, classes: ClassColumns) -> None:
        self._session = session
        self._graph = graph
        self._classes = classes
        self._names = [n for s in graph.scales for n in (s.distances, s.classes) if n]

    def propose(self, blob: Blob, min_confidence: float) -> Detections:
        """As `yolo.Network` says."""
        maps = dict(zip(self._names, self._session.run(blob, self._names), strict=True))
        scales = []
        for scale in self._graph.scales:
            distances = maps[scale.distances][0]
            if scale.classes is not None:
                classes = maps[scale.classes][0]
            else:
                split = len(distances) - self._graph.class_count
                distances, classes = distances[:split], distances[split:]
            scales.append(HeadMaps(scale.stride_px, distances, classes))
        return decode_maps(scales, self._classes, min_confidence)


class WholeNetwork:
    """A graph run as it is: output [1, 4 + classes, cells]."""

    def __init__(self, session: Session, classes: ClassColumns) -> None:
        self._session = session
        self._classes = classes

    @property
    def input_px(self) -> tuple[int, int] | None:
        """The size the graph was exported with, or None where it was left open."""
        return self._session.input_px

    def propose(self, blob: Blob, min_confidence: float) -> Detections:
        """As `yolo.Network` says."""
        return decode_table(self._session.run(blob)[0][0], self._classes, min_confidence)


class EndToEndNetwork(WholeNetwork):
    """A graph with suppression inside: output [1, boxes, 6]."""

    def propose(self, blob: Blob, min_confidence: float) -> Detections:
        """As `yolo.Network` says."""
        return decode_rows(self._session.run(blob)[0][0], self._classes, min_confidence)


def _parse(data: bytes, where: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError(
            f"{where} is not an ONNX file, or not all of one ({len(data)} bytes); fetch it anew"
        ) from error
    if not model.graph.node:
        raise ModelError(f"{where} is not an ONNX file: no graph in its {len(data)} bytes")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors(model)):
        raise ModelError(
            f"{where} keeps its weights in another file, which its hash does not cover; "
            "save the model as one file"
        )
    return model


def _trial_blob(input_px: tuple[int, int]) -> Blob:
    """A made-up picture with patches, edges and grain, so that the maps are not flat."""
    random = np.random.default_rng(0)
    w, h = input_px
    patches = random.random((3, -(-h // 32), -(-w // 32)), np.float32)
    picture = np.kron(patches, np.ones((1, 32, 32), np.float32))[:, :h, :w]
    grain = random.random((3, h, w), np.float32)
    return np.ascontiguousarray((0.8 * picture + 0.2 * grain)[None], np.float32)


def _agrees(
    network: CutNetwork, trial: Blob, table: NDArray[np.float32], classes: ClassColumns
) -> bool:
    """Whether the cut graph gives all the whole one's boxes and scores, and takes another size."""
    found = network.propose(trial, 0.0)
    network.propose(_trial_blob(_OTHER_PX), 0.0)
    wanted = decode_table(table, classes, 0.0)
    return (
        len(found) == len(wanted)
        and np.allclose(found.xyxy_px, wanted.xyxy_px, rtol=1e-4, atol=_BOX_TOLERANCE_PX)
        and np.allclose(found.confidence, wanted.confidence, rtol=_SCORE_TOLERANCE, atol=1e-5)
    )
