"""Networks: a graph in a runtime, and what its numbers mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.detectors.classes import ClassColumns
from traffic_ai.detectors.decode import HeadMaps, decode_maps, decode_rows, decode_table
from traffic_ai.detectors.yolo import Blob


class GraphSession(Protocol):
    """A graph with one float32 input, loaded into a runtime."""

    @property
    def input_px(self) -> tuple[int, int] | None:
        """The only (width, height) it takes, or None where that is open."""
        ...

    def run(self, blob: Blob, outputs: Sequence[str] | None = None) -> list[NDArray[np.float32]]:
        """The named outputs (all by default) for a blob (N, 3, H, W). Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class MapNames:
    """Names of one scale's outputs in a cut graph; one map holds both where `classes` is None."""

    stride_px: int
    distances: str
    classes: str | None


class CutNetwork:
    """A graph cut at its head's maps; takes any size, and several pictures at once.

    classes: of the maps' class channels.
    """

    input_px = None

    def __init__(
        self, session: GraphSession, scales: Sequence[MapNames], classes: ClassColumns
    ) -> None:
        self._session = session
        self._scales = scales
        self._classes = classes
        self._names = [n for s in scales for n in (s.distances, s.classes) if n]

    def propose(self, blob: Blob, min_confidence: float) -> list[Detections]:
        """As `yolo.Network` says."""
        maps = dict(zip(self._names, self._session.run(blob, self._names), strict=True))
        heads = ([self._head(s, maps, i) for s in self._scales] for i in range(len(blob)))
        return [decode_maps(head, self._classes, min_confidence) for head in heads]

    def _head(self, scale: MapNames, maps: dict[str, NDArray[np.float32]], i: int) -> HeadMaps:
        distances = maps[scale.distances][i]
        if scale.classes is not None:
            return HeadMaps(scale.stride_px, distances, maps[scale.classes][i])
        split = len(distances) - self._classes.count
        return HeadMaps(scale.stride_px, distances[:split], distances[split:])


class WholeNetwork:
    """A graph run as it is, a picture at a time: output [1, 4 + classes, cells]."""

    def __init__(self, session: GraphSession, classes: ClassColumns) -> None:
        self._session = session
        self._classes = classes

    @property
    def input_px(self) -> tuple[int, int] | None:
        """The size the graph was exported with, or None where it was left open."""
        return self._session.input_px

    def propose(self, blob: Blob, min_confidence: float) -> list[Detections]:
        """As `yolo.Network` says."""
        return [
            self._decode(self._session.run(blob[i : i + 1])[0][0], min_confidence)
            for i in range(len(blob))
        ]

    def _decode(self, output: NDArray[np.float32], min_confidence: float) -> Detections:
        return decode_table(output, self._classes, min_confidence)


class EndToEndNetwork(WholeNetwork):
    """A graph with suppression inside: output [1, boxes, 6]."""

    def _decode(self, output: NDArray[np.float32], min_confidence: float) -> Detections:
        return decode_rows(output, self._classes, min_confidence)
