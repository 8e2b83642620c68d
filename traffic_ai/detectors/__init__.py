"""Detection: road users in one picture.

Stands between the sources and tracking. `onnx` runs YOLO weights in ONNX Runtime, `ultralytics`
runs `.pt` weights where that extra is installed, `regions` looks closer at parts of the picture,
`riders` makes one vehicle of a two-wheeler and who sits on it, `models` finds and fetches weights.
Nothing heavy is imported here, so that naming the package costs nothing.
"""

import os
import sys

# From its import on, ONNX Runtime (1.32, on Linux too) reports its use to its maker over the
# network and keeps a device id and a database in the user's cache folder, unless this says no.
# Nothing is to leave a camera's host, or to be written there, that nobody asked for.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# OpenVINO's import does the same, and asks for nothing; without this package of its own it cannot.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
