"""One frame's detections as a struct of arrays, validated once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes in the full picture's pixels.

    xyxy_px: float32 (N, 4), x0 <= x1 and y0 <= y1; confidence: float32 (N,) in 0..1;
    class_id: int64 (N,), values of `RoadUser`. Arrays are made read-only.
    """

    xyxy_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if self.xyxy_px.shape != (n, 4) or self.class_id.shape != (n,):
            raise ValueError(
                f"shapes do not agree: boxes {self.xyxy_px.shape}, "
                f"confidence {self.confidence.shape}, class {self.class_id.shape}"
            )
        for array in (self.xyxy_px, self.confidence, self.class_id):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.confidence)

    @classmethod
    def empty(cls) -> "Detections":
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def select(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Detections":
        """The detections at a mask or list of positions, in that order."""
        return Detections(self.xyxy_px[index], self.confidence[index], self.class_id[index])
