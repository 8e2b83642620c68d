"""Small networks for the detector's tests, and the real one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from traffic_ai.detectors.models import weights

STRIDES_PX = (8, 16, 32)
NAMES = {0: "person", 1: "car", 2: "motorcycle"}
BINS = 4

ModelMaker = Callable[..., onnx.ModelProto]


@pytest.fixture(scope="session")
def yolov8n() -> Path:
    """The real weights, fetched where absent."""
    return weights("yolov8n")


@pytest.fixture
def colour_model() -> ModelMaker:
    """Makes networks that see a bright red, green or blue 8x8 cell as class 0, 1 or 2."""
    return make_colour_model


class Graph:
    """A graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, op: str, inputs: Sequence[str], count: int = 1, **attributes: object) -> str:
        """Add a node; the name of its (first) output."""
        name = f"{op}_{len(self.nodes)}"
        outputs = [name] + [f"{name}_{i}" for i in range(1, count)]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, **attributes))
        return name

    def constant(self, value: object, dtype: type = np.float32) -> str:
        """Add a constant; its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name


def make_colour_model(
    size_px: tuple[int, int] = (96, 64),
    *,
    names: dict[int, str] | None = NAMES,
    class_count: int = 3,
    joined: bool = False,
    box_scale: float = 1.0,
    pinned: bool = False,
    dynamic: bool = False,
) -> onnx.ModelProto:
    """A network with YOLOv8's head, for inputs of (width, height).

    Every box reaches one cell to each side of its cell's middle. joined: one map a scale, as older
    exports have; box_scale: what the graph multiplies its boxes by at the end; pinned: a reshape
    inside forbids other sizes; dynamic: exported with its input's size left open.
    """
    w, h = size_px
    g = Graph()
    picture = "images"
    if pinned:
        picture = g.add("Reshape", [picture, g.constant([1, 3, h * w], np.int64)])
        picture = g.add("Reshape", [picture, g.constant([1, 3, h, w], np.int64)])
    maps = [_scale(g, picture, stride, class_count) for stride in STRIDES_PX]
    flat_distances, flat_classes = [], []
    for distances, classes in maps:
        if joined:
            both = g.add("Concat", [distances, classes], axis=1)
            flat = g.add("Reshape", [both, g.constant([1, 4 * BINS + class_count, -1], np.int64)])
            sizes = g.constant([4 * BINS, class_count], np.int64)
            first = g.add("Split", [flat, sizes], count=2, axis=1)
            flat_distances.append(first)
            flat_classes.append(f"{first}_1")
        else:
            shape = g.constant([1, 4 * BINS, -1], np.int64)
            flat_distances.append(g.add("Reshape", [distances, shape]))
            shape = g.constant([1, class_count, -1], np.int64)
            flat_classes.append(g.add("Reshape", [classes, shape]))
    boxes = _boxes(g, g.add("Concat", flat_distances, axis=2), size_px, box_scale)
    scores = g.add("Sigmoid", [g.add("Concat", flat_classes, axis=2)])
    g.nodes.append(helper.make_node("Concat", [boxes, scores], ["output0"], axis=1))
    cells = sum((w // s) * (h // s) for s in STRIDES_PX)
    return finish(
        g, size_px if not dynamic else None, [1, 4 + class_count, None if dynamic else cells], names
    )


def finish(
    g: Graph, size_px: tuple[int, int] | None, output: Sequence[int | None], names: object
) -> onnx.ModelProto:
    """The model of a graph from `images` to `output0`."""
    w, h = size_px or ("width", "height")
    graph = helper.make_graph(
        g.nodes,
        "test",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, h, w])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, output)],
        g.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"names": repr(names)})
    return model


def _scale(g: Graph, picture: str, stride: int, class_count: int) -> tuple[str, str]:
    pooled = g.add(
        "AveragePool", [picture], kernel_shape=[stride, stride], strides=[stride, stride]
    )
    reach_one = np.zeros((4, BINS), np.float32)
    reach_one[:, 1] = 30.0
    silent = g.constant(np.zeros((4 * BINS, 3, 1, 1)))
    distances = g.add("Conv", [pooled, silent, g.constant(reach_one.ravel())])
    sharp = np.zeros((class_count, 3, 1, 1), np.float32)
    for i in range(min(3, class_count)):
        sharp[i, i] = 60.0
    bias = np.full(class_count, -45.0)  # a bright cell gives +15, the padding's grey -18
    classes = g.add("Conv", [pooled, g.constant(sharp), g.constant(bias)])
    return distances, classes


def _boxes(g: Graph, distances: str, size_px: tuple[int, int], box_scale: float) -> str:
    """The decoding as exports contain it: (1, 4, cells), middle, width, height."""
    w, h = size_px
    anchors, strides = [], []
    for s in STRIDES_PX:
        y, x = np.mgrid[: h // s, : w // s] + 0.5
        anchors.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(x.size, float(s)))
    anchor = g.constant(np.concatenate(anchors, axis=1)[None])
    stride = g.constant(np.concatenate(strides)[None, None] * box_scale)
    bins = g.add("Reshape", [distances, g.constant([1, 4, BINS, -1], np.int64)])
    share = g.add("Softmax", [bins], axis=2)
    weighted = g.add("Mul", [share, g.constant(np.arange(BINS).reshape(1, 1, BINS, 1))])
    reach = g.add("ReduceSum", [weighted, g.constant([2], np.int64)], keepdims=0)
    low = g.add("Split", [reach, g.constant([2, 2], np.int64)], count=2, axis=1)
    first, last = g.add("Sub", [anchor, low]), g.add("Add", [anchor, f"{low}_1"])
    middle = g.add("Div", [g.add("Add", [first, last]), g.constant(2.0)])
    size = g.add("Sub", [last, first])
    return g.add("Mul", [g.add("Concat", [middle, size], axis=1), stride])
