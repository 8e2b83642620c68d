"""The detector: letterbox, network, suppression. What runs the network is given to it."""

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.detectors.letterbox import STRIDE_PX, Canvas, Letterbox
from traffic_ai.detectors.suppression import IOU_LIMIT, suppress
from traffic_ai.detectors.together import Together

# Down to here detections are worth having: the tracker starts no track with a weak one, but
# carries on a known vehicle with it (ByteTrack, Zhang et al. 2022).
MIN_CONFIDENCE = 0.1

Blob = NDArray[np.float32]
_MOST_CANVASES = 8  # 3 MB each at 640x384


class Network(Protocol):
    """A YOLO network.

    `input_px`: the only (width, height) it takes, or None if it takes any multiple of 32.
    """

    @property
    def input_px(self) -> tuple[int, int] | None:
        """The only input size, or None."""
        ...

    def propose(self, blob: Blob, min_confidence: float) -> list[Detections]:
        """Of each picture the road users above min_confidence, in the input's pixels.

        blob: (N, 3, H, W), RGB, 0..1, read only during the call. Nothing is suppressed yet; each
        cell gives at most its best road-user class.
        """
        ...


class YoloDetector:
    """Finds road users with a YOLO network; implements `core.ports.Detector`.

    size_px: the length a picture's longer side is brought to, a multiple of 32 (a network of fixed
    input keeps its own). min_confidence: what is weaker is not given; iou_limit: of two boxes that
    overlap by more the weaker goes. batch_size: how many pictures, of all threads that call, go
    through the network at once at most; with 1 every call runs it by itself. Boxes come most
    confident first.
    """

    def __init__(
        self,
        network: Network,
        model_hash: str,
        *,
        size_px: int = 640,
        min_confidence: float = MIN_CONFIDENCE,
        iou_limit: float = IOU_LIMIT,
        batch_size: int = 1,
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
        self._batch_size = batch_size
        self._together = Together(self._look, batch_size) if batch_size > 1 else None
        self._canvases = _Canvases()

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights, and what runs them where that is not the default."""
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

    @property
    def batch_size(self) -> int:
        """How many pictures go through the network at once at most."""
        return self._batch_size

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        """Road users in a picture (H, W, 3) BGR, boxes in its own pixels.

        size_px: another length for the longer side, for this picture; without effect where the
        network's input is fixed. May be called from several threads.
        """
        return self.detect_many([image], [size_px])[0]

    def detect_many(
        self, images: Sequence[Image], sizes_px: Sequence[int | None] | None = None
    ) -> list[Detections]:
        """`detect` for each picture; those of one input size go through the network together, as
        far as `batch_size` allows. sizes_px: of each picture, None for the usual one.
        """
        sizes = sizes_px if sizes_px is not None else [None] * len(images)
        boxes = [self._letterbox(image, size) for image, size in zip(images, sizes, strict=True)]
        blobs = []
        for i, (image, box) in enumerate(zip(images, boxes, strict=True)):
            canvas = self._canvases.of(box, boxes[:i].count(box))
            canvas.draw(image)
            blobs.append(canvas.blob)
        if self._together is not None:
            proposed = self._together.look(blobs)
        else:
            proposed = [self._look(blob)[0] for blob in blobs]
        return [self._in_picture(found, box) for found, box in zip(proposed, boxes, strict=True)]

    def _look(self, blob: Blob) -> list[Detections]:
        return self._network.propose(blob, self._min_confidence)

    def _letterbox(self, image: Image, size_px: int | None) -> Letterbox:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(f"a picture is uint8 (H, W, 3), not {image.dtype} {image.shape}")
        picture_px = (image.shape[1], image.shape[0])
        fixed = self._network.input_px
        if fixed is not None:
            return Letterbox.fit(picture_px, fixed)
        return Letterbox.rectangular(picture_px, size_px or self._size_px)

    def _in_picture(self, candidates: Detections, box: Letterbox) -> Detections:
        kept = suppress(candidates, self._iou_limit)
        boxes = box.to_picture(kept.xyxy_px)
        seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])  # not in the padding
        return Detections(boxes, kept.confidence, kept.class_id).select(seen)


class _Canvases(threading.local):
    """The last few canvases of a thread: one a view of each camera."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Letterbox, int], Canvas] = {}

    def of(self, box: Letterbox, place: int) -> Canvas:
        """The canvas for a letterbox; place: how many of this letterbox are in use besides."""
        canvas = self._kept.pop((box, place), None) or Canvas(box)
        self._kept[box, place] = canvas  # last, so that the first has waited longest
        if len(self._kept) > _MOST_CANVASES:
            del self._kept[next(iter(self._kept))]
        return canvas
