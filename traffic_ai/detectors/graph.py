"""Graph surgery: a YOLO graph of fixed input, cut before its decoding and freed in size.

An export fixes the input (640x640) and decodes all 8400 cells inside the graph, though a road
picture is twice as wide as high and all but a few dozen cells are empty. Cut at the maps the head
ends in, the convolutions take any size, and the decoding is done where something is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import onnx
import onnx.numpy_helper
import onnx.shape_inference

from traffic_ai.detectors.networks import MapNames

STRIDES_PX = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class CutGraph:
    """A graph that ends in a head's maps and takes any size and number of pictures.

    data: serialised ONNX; columns (K,): the network's class that each channel of the class maps
    stands for.
    """

    data: bytes
    scales: tuple[MapNames, ...]
    columns: tuple[int, ...]


def cut(model: onnx.ModelProto, wanted: Sequence[int]) -> CutGraph | None:
    """The graph cut before its decoding, or None where it is not such a head.

    Wants one input [1, 3, H, W] and one output [1, 4 + classes, N]. Of the classes only the wanted
    ones are left, where the convolutions that make them can be told. What this returns is a guess
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
    part = _extract(model, names)
    columns = (
        tuple(wanted) if _slice(part.graph, scales, class_count, wanted) else range(class_count)
    )
    return CutGraph(part.SerializeToString(), tuple(scales), tuple(columns))


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


def _slice(
    graph: onnx.GraphProto, scales: Sequence[MapNames], class_count: int, wanted: Sequence[int]
) -> bool:
    """Leave in the class maps the wanted channels only; whether that could be done.

    A class map is made by a convolution, or a joined map by a concatenation that ends in one. Its
    output channels are then rows of weights, and the other rows need not be computed.
    """
    makers = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    sliced: list[onnx.TensorProto] = []
    for scale in scales:
        maker = makers.get(scale.classes or scale.distances)
        if scale.classes is None and maker is not None and maker.op_type == "Concat":
            maker = makers.get(maker.input[-1])
        if maker is None or maker.op_type != "Conv":
            return False
        own = [weights[n] for n in maker.input[1:] if n in weights and readers[n] == 1]
        if len(own) != len(maker.input) - 1 or any(t.dims[0] != class_count for t in own):
            return False
        sliced += own
    for tensor in sliced:
        rows = onnx.numpy_helper.to_array(tensor)[list(wanted)]
        tensor.CopyFrom(onnx.numpy_helper.from_array(rows, tensor.name))
    return True


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
