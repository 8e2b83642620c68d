"""A detector that looks at each picture once, so that variants of a run cost only the rest."""

import hashlib

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Image
from traffic_ai.detectors.regions import SizedDetector


class RememberingDetector:
    """Another detector's findings, kept by the picture's content; a `SizedDetector` itself."""

    def __init__(self, detector: SizedDetector) -> None:
        self._detector = detector
        self.known: dict[tuple[bytes, int], Detections] = {}
        self.looked = 0

    @property
    def model_hash(self) -> str:
        return self._detector.model_hash

    @property
    def size_px(self) -> int:
        return self._detector.size_px

    @property
    def resizable(self) -> bool:
        return self._detector.resizable

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        picture = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        key = (picture, size_px or self.size_px)
        if key not in self.known:
            self.known[key] = self._detector.detect(image, size_px)
            self.looked += 1
        return self.known[key]
