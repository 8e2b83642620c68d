"""Graph surgery: a YOLO graph of fixed input, cut before its decoding and freed in size.

An export fixes the input (640x640) and decodes all 8400 cells inside the graph, though a road
picture is twice as wide as high and all but a few dozen cells are empty. Cut at the maps the head
ends in, the convolutions take any size, and the decoding is done where something is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx

STRIDES_PX = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class MapNames:
    """Names of one scale's outputs in the cut graph; one map holds both where `classes` is None."""

    stride_px: int
    distances: str
    classes: str | None


@dataclass(frozen=True, slots=True)
class CutGraph:
    """A graph that ends in a head's maps and takes any size. `data`: serialised ONNX."""

    data: bytes
    scales: tuple[MapNames, ...]
    class_count: int


def cut(model: onnx.ModelProto) -> CutGraph | None:
    """The graph cut before its decoding, or None where it is not such a head.

    Wants one input [1, 3, H, W] and one output [1, 4 + classes, N]. What this returns is a guess
    from the graph's shape: compare its decoded output to the whole graph's before relying on it.
    """
    graph = model.graph
    if len(graph.input) != 1 or len(graph.output) != 1:
        return None
    size, output = _shape(graph.input[0]), _shape(graph.output[0])
    if len(size) != 4 or len(output) != 3 or 0 in (*size, *output):
        return None
    class_count = output[1] - 4
    scales = _scales(_reshaped_maps(model), size[2:], class_count)
    cells = sum((size[2] // s.stride_px) * (size[3] // s.stride_px) for s in scales)
    if not scales or cells != output[2]:
        return None
    names = [name for s in scales for name in (s.distances, s.classes) if name]
    return CutGraph(_extract(model, names).SerializeToString(), tuple(scales), class_count)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Sizes of a tensor, 0 where not fixed."""
    return tuple(int(d.dim_value) for d in value.type.tensor_type.shape.dim)


def _reshaped_maps(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes of the four-dimensional tensors that a Reshape flattens: the head's maps are among."""
    graph = model.graph
    known = {v.name: _shape(v) for v in graph.value_info}
    flattened = [n.input[0] for n in graph.node if n.op_type == "Reshape"]
    if any(name not in known for name in flattened):
        inferred = onnx.shape_inference.infer_shapes(model)
        known |= {v.name: _shape(v) for v in inferred.graph.value_info}
    return {n: known[n] for n in flattened if len(known.get(n, ())) == 4}


def _scales(
    maps: dict[str, tuple[int, ...]], size: tuple[int, ...], class_count: int
) -> list[MapNames]:
    """The maps grouped by stride; empty where they do not pair up."""
    scales = []
    for stride in STRIDES_PX:
        here = {
            name: shape[1]
            for name, shape in maps.items()
            if (shape[2] * stride, shape[3] * stride) == tuple(size)
        }
        distances = [n for n, c in here.items() if c != class_count and c % 4 == 0]
        classes = [n for n, c in here.items() if c == class_count]
        if len(here) == 1 and not classes:
            scales.append(MapNames(stride, next(iter(here)), None))
        elif len(here) == 2 and len(distances) == len(classes) == 1:
            scales.append(MapNames(stride, distances[0], classes[0]))
        elif here:
            return []
    return scales


def _extract(model: onnx.ModelProto, outputs: Iterable[str]) -> onnx.ModelProto:
    """The part of the graph that makes the named tensors, its input's size left open."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    wanted, pending = set[str](), list(outputs)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(makers[name].input if name in makers else ())
    free = onnx.helper.make_tensor_value_info(
        graph.input[0].name, onnx.TensorProto.FLOAT, ["batch", 3, "height", "width"]
    )
    part = onnx.helper.make_graph(
        [n for n in graph.node if any(name in wanted for name in n.output)],
        graph.name,
        [free],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [i for i in graph.initializer if i.name in wanted],
    )
    cut_model = onnx.helper.make_model(part, opset_imports=model.opset_import)
    cut_model.ir_version = model.ir_version
    return cut_model


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a model holds: weights, and constants of nodes at any depth."""
    nodes = [node for function in model.functions for node in function.node]
    graphs = [model.graph]
    while graphs or nodes:
        for graph in graphs:
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
        attributes = [attribute for node in nodes for attribute in node.attribute]
        graphs, nodes = [], []
        for attribute in attributes:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            graphs += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
