"""Detection: road users in one picture.

Stands between the sources and tracking. `onnx` runs YOLO weights in ONNX Runtime, `ultralytics`
runs `.pt` weights where that extra is installed, `regions` looks closer at parts of the picture,
`riders` makes one vehicle of a two-wheeler and who sits on it, `models` finds and fetches weights.
Nothing is imported here, so that naming the package costs nothing.
"""
