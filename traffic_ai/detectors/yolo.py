"""The detector: letterbox, network, suppression. What runs the network is given to it."""

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.detectors.letterbox import STRIDE_PX, Letterbox
from traffic_ai.detectors.suppression import IOU_LIMIT, suppress

# Down to here detections are worth having: the tracker starts no track with a weak one, but
# carries on a known vehicle with it (ByteTrack, Zhang et al. 2022).
MIN_CONFIDENCE = 0.1

Blob = NDArray[np.float32]


class Network(Protocol):
    """A YOLO network for one picture at a time.

    `input_px`: the only (width, height) it takes, or None if it takes any multiple of 32.
    """

    @property
    def input_px(self) -> tuple[int, int] | None:
        """The only input size, or None."""
        ...

    def propose(self, blob: Blob, min_confidence: float) -> Detections:
        """Road users above min_confidence, not yet suppressed, in the input's pixels.

        blob: (1, 3, H, W), RGB, 0..1. Each cell gives at most its best road-user class.
        """
        ...


class YoloDetector:
    """Finds road users with a YOLO network; implements `core.ports.Detector`.

    size_px: the length a picture's longer side is brought to, a multiple of 32 (a network of fixed
    input keeps its own). min_confidence: what is weaker is not given; iou_limit: of two boxes that
    overlap by more the weaker goes. Boxes come most confident first.
    """

    def __init__(
        self,
        network: Network,
        model_hash: str,
        *,
        size_px: int = 640,
        min_confidence: float = MIN_CONFIDENCE,
        iou_limit: float = IOU_LIMIT,
    ) -> None:
        if size_px < STRIDE_PX or size_px % STRIDE_PX:
            raise ModelError(f"size_px is {size_px}; it must be a positive multiple of {STRIDE_PX}")
        if not 0.0 < min_confidence < 1.0:
            raise ModelError(f"min_confidence is {min_confidence}; it must lie between 0 and 1")
        if not 0.0 < iou_limit <= 1.0:
            raise ModelError(f"iou_limit is {iou_limit}; it must lie in (0, 1]")
        self._network = network
        self._model_hash = model_hash
        self._size_px = size_px
        self._min_confidence = min_confidence
        self._iou_limit = iou_limit

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        return self._model_hash

    @property
    def size_px(self) -> int:
        """The length a picture's longer side is brought to."""
        fixed = self._network.input_px
        return max(fixed) if fixed else self._size_px

    @property
    def resizable(self) -> bool:
        """Whether `detect` may be asked for another size."""
        return self._network.input_px is None

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        """Road users in a picture (H, W, 3) BGR, boxes in its own pixels.

        size_px: another length for the longer side, for this picture; without effect where the
        network's input is fixed.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(f"a picture is uint8 (H, W, 3), not {image.dtype} {image.shape}")
        picture_px = (image.shape[1], image.shape[0])
        fixed = self._network.input_px
        if fixed is not None:
            box = Letterbox.fit(picture_px, fixed)
        else:
            box = Letterbox.rectangular(picture_px, size_px or self._size_px)
        blob = cv2.dnn.blobFromImage(box.apply(image), 1.0 / 255.0, swapRB=True)
        found = self._network.propose(np.asarray(blob, np.float32), self._min_confidence)
        kept = suppress(found, self._iou_limit)
        boxes = box.to_picture(kept.xyxy_px)
        seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])  # not in the padding
        return Detections(boxes, kept.confidence, kept.class_id).select(seen)
