"""A detector that keeps what it saw beside a drawn video, so that changed rules are tried again in
seconds. Stands in for the product's detector in `rendered`.
"""

from hashlib import blake2b
from pathlib import Path

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Image
from traffic_ai.detectors.regions import SizedDetector


class RememberingDetector:
    """Asks the detector only about pictures it was not asked about before; implements
    `detectors.regions.SizedDetector`. `save` writes what is new.
    """

    def __init__(self, detector: SizedDetector, path: Path) -> None:
        self._detector = detector
        self._path = path
        self._known = _read(path, detector.model_hash)
        self._new = False

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        return self._detector.model_hash

    @property
    def size_px(self) -> int:
        """As the detector's."""
        return self._detector.size_px

    @property
    def resizable(self) -> bool:
        """As the detector's."""
        return self._detector.resizable

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        """As the detector's, from memory where the very picture is known at that size."""
        text = f"{image.shape} {size_px or self.size_px}".encode()
        key = blake2b(np.ascontiguousarray(image).data, digest_size=16, key=text[:64]).hexdigest()
        if key not in self._known:
            self._known[key] = self._detector.detect(image, size_px)
            self._new = True
        return self._known[key]

    def save(self) -> None:
        """Write everything that is known, if there is anything new."""
        if not self._new:
            return
        seen = list(self._known.values())
        part = self._path.with_suffix(".part.npz")
        np.savez_compressed(
            part,
            model=self.model_hash,
            keys=np.array(list(self._known)),
            counts=np.array([len(one) for one in seen]),
            xyxy_px=np.concatenate([one.xyxy_px for one in seen]),
            confidence=np.concatenate([one.confidence for one in seen]),
            class_id=np.concatenate([one.class_id for one in seen]),
        )
        part.replace(self._path)
        self._new = False


def _read(path: Path, model_hash: str) -> dict[str, Detections]:
    """What was kept, of this model."""
    if not path.exists():
        return {}
    with np.load(path) as kept:
        if str(kept["model"]) != model_hash:
            return {}
        ends = np.cumsum(kept["counts"])[:-1]
        columns = [np.split(kept[name], ends) for name in ("xyxy_px", "confidence", "class_id")]
        found = (Detections(*rows) for rows in zip(*columns, strict=True))
        return dict(zip(kept["keys"].tolist(), found, strict=True))
