"""PyTorch weights (`.pt`) through the ultralytics package: for those who trained their own.

The package is an extra, and a `.pt` file is a pickle: loading one runs the code in it. So it is
loaded only where the caller says so. Letterbox, thresholds and suppression are the same as for
ONNX weights; the package does no more than run the network.
"""

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import UnusableModelError
from traffic_ai.detectors.classes import ClassColumns, class_columns
from traffic_ai.detectors.decode import decode_table
from traffic_ai.detectors.suppression import IOU_LIMIT
from traffic_ai.detectors.yolo import MIN_CONFIDENCE, Blob, YoloDetector


class UltralyticsDetector(YoloDetector):
    """Road users by YOLO weights in a `.pt` file.

    allow_pickle: the caller trusts the file; without it nothing is loaded. sha256: what the file
    must hash to, if given. size_px, min_confidence, iou_limit: as in `YoloDetector`. device:
    PyTorch's name of where to run, such as "cpu" or "cuda:0". Raises ModelError.
    """

    def __init__(
        self,
        path: Path,
        *,
        allow_pickle: bool = False,
        sha256: str | None = None,
        size_px: int = 640,
        min_confidence: float = MIN_CONFIDENCE,
        iou_limit: float = IOU_LIMIT,
        device: str = "cpu",
    ) -> None:
        if not allow_pickle:
            raise UnusableModelError(
                f"{path} is a PyTorch file, and loading one runs the code in it; add --allow-pt if "
                "you trust where it comes from, or export it to ONNX"
            )
        try:
            model_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            reason = error.strerror or error
            raise UnusableModelError(f"weights {path} cannot be read ({reason})") from error
        if sha256 is not None and model_hash != sha256:
            raise UnusableModelError(
                f"{path} is not the expected file: its SHA-256 is {model_hash}, wanted {sha256}"
            )
        super().__init__(
            _TorchNetwork(path, device),
            model_hash,
            size_px=size_px,
            min_confidence=min_confidence,
            iou_limit=iou_limit,
        )


class _TorchNetwork:
    """A network run by PyTorch; takes any size."""

    input_px = None

    def __init__(self, path: Path, device: str) -> None:
        # The package would install what a pickle asks for; a detector installs nothing.
        os.environ.setdefault("YOLO_AUTOINSTALL", "False")
        try:
            self._torch: Any = importlib.import_module("torch")
            package: Any = importlib.import_module("ultralytics")
        except ImportError as error:
            raise UnusableModelError(
                f"{path} needs the ultralytics extra ({error}); "
                "pip install 'traffic-ai[ultralytics]', or give ONNX weights"
            ) from error
        self._path, self._device = path, device
        self._module, names = self._load(package)
        self._classes: ClassColumns = class_columns(names, len(names), str(path))

    def _load(self, package: Any) -> tuple[Any, dict[int, str]]:
        try:
            yolo = package.YOLO(str(self._path))
            task, names = yolo.task, dict(yolo.names)
            module = yolo.model.fuse().eval().to(self._device).float()
        except Exception as error:  # a foreign pickle may raise whatever it likes
            reason = f"{type(error).__name__}: {error}"
            raise UnusableModelError(
                f"{self._path} cannot be loaded by ultralytics ({reason})"
            ) from error
        if task != "detect":
            raise UnusableModelError(f"{self._path} is a {task!r} model; wanted one for detection")
        return module, names

    def propose(self, blob: Blob, min_confidence: float) -> list[Detections]:
        """As `yolo.Network` says."""
        with self._torch.inference_mode():
            output = self._module(self._torch.from_numpy(blob).to(self._device))
        tables = np.asarray((output[0] if isinstance(output, tuple) else output).cpu())
        if tables.shape[:2] != (len(blob), 4 + self._classes.count):
            raise UnusableModelError(
                f"{self._path} gives {list(tables.shape)}; wanted "
                f"[{len(blob)}, {4 + self._classes.count}, cells], as YOLOv8 and its kin do"
            )
        return [decode_table(table, self._classes, min_confidence) for table in tables]
