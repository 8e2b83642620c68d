"""Files that are larger than they look, never end, or run code."""

import os
import pickle
import resource
import struct
import time
import zlib
from contextlib import contextmanager

import onnx
import pytest
from onnx import TensorProto, helper

from tests.detectors.conftest import make_colour_model
from tests.hostile.test_paths import within
from tests.sources.made import x264
from traffic_ai.config.load import load_site
from traffic_ai.core.errors import ConfigError, ModelError, SourceError
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.signals.feed import load_feed
from traffic_ai.simulate.traffic.load import load_scenario
from traffic_ai.sources.picture_file import read_picture
from traffic_ai.wiring import DetectorOptions, load_detector


@contextmanager
def costing_little(seconds=5.0, megabytes=100):
    """Neither time nor memory is spent on what is refused."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert (after.ru_maxrss - before.ru_maxrss) / 1024 < megabytes


# -- YAML ------------------------------------------------------------------------------------------


def aliases_of_aliases(levels=12):
    """Nine to the power of `levels` values in a few hundred bytes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    return "\n".join(lines) + "\n"


YAML_BOMBS = {
    "aliases of aliases": aliases_of_aliases(),
    "merges of merges": "a0: &a0 {x: 1}\n"
    + "".join(
        f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]\n  k{n}: 1\n" for n in range(1, 25)
    ),
    "itself": "a: &a [*a]\n",
    "deep lists": "[" * 20_000,
    "deep maps": "".join(f"{' ' * n}a:\n" for n in range(900)),
    "code": '!!python/object/apply:os.system ["touch broken"]\n',
    "long": "a: " + "x" * 3_000_000,
    "number": "version: " + "9" * 100_000,
    "sexagesimal": "version: " + "1:" * 20_000 + "1",
    "many keys": "".join(f"k{n}: 1\n" for n in range(20_000)),
}


@pytest.mark.parametrize("name", YAML_BOMBS)
@pytest.mark.parametrize("load", [load_site, load_scenario])
def test_a_yaml_bomb_is_refused_at_little_cost(tmp_path, monkeypatch, name, load):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "site.yaml"
    path.write_text(YAML_BOMBS[name])
    with costing_little(seconds=20.0), pytest.raises(ConfigError) as caught:
        load(path)
    assert len(str(caught.value)) < 500_000
    assert not (tmp_path / "broken").exists()


# -- pictures and films ----------------------------------------------------------------------------


def png(width_px, height_px, rows=0):
    """A PNG that says it is so large; a few rows of it are there."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    packed = zlib.compressobj(1)
    row = bytes(width_px * 3 + 1)
    data = b"".join(packed.compress(row) for _ in range(rows)) + packed.flush()
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg_of(width_px, height_px):
    """A small JPEG whose header says another size."""
    import cv2
    import numpy as np

    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


HUGE = {
    "png": png(60_000, 60_000),
    "png of zeros": png(20_000, 20_000, rows=20_000),
    "jpeg": jpeg_of(65_000, 65_000),
    "nothing": b"",
    "text": b"P6 99999 99999 255\n",
    "gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00",
    "list": b"ffconcat version 1.0\nfile /etc/hostname\n",
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, name):
    data = HUGE[name]
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with costing_little(), pytest.raises(SourceError, match="is no PNG, JPEG or BMP picture"):
        read_picture(path)


def test_a_picture_file_larger_than_any_picture_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as stream:
        stream.truncate(100_000_000_000)
    with costing_little(megabytes=300), pytest.raises(SourceError, match="is larger than"):
        read_picture(path)


def test_ordinary_pictures_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(png(64, 48, rows=48))
    assert read_picture(tmp_path / "a.png").shape == (48, 64, 3)


def test_a_film_is_not_taken_for_a_picture(tmp_path):
    path = x264(tmp_path / "a.mp4", range(0, 3000, 100))
    with pytest.raises(SourceError, match="is no PNG"):
        read_picture(path)


# -- signal logs -----------------------------------------------------------------------------------


def test_a_signal_log_that_never_ends_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    with (tmp_path / "large.csv").open("wb") as stream:
        stream.truncate(1_000_000_000)
    for name, reason in (
        ("pipe.csv", "not a regular file"),
        ("zero.csv", "not a regular file"),
        ("large.csv", "is larger than"),
        (".", "not a regular file"),
        ("gone.csv", "cannot be read"),
        ("x" * 300, "cannot be read"),
        ("x\0", "cannot be read"),
    ):

        def read(name=name):
            try:
                load_feed(tmp_path / name, "main")
            except ConfigError as error:
                return str(error)
            return "it was read"

        with costing_little():
            assert reason in within(read)


def test_a_signal_log_of_one_long_field_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,group,aspect\n" + "1" * 5_000_000 + ",main,red\n")
    with pytest.raises(ConfigError, match="field larger than field limit"):
        load_feed(path, "main")


# -- weights ---------------------------------------------------------------------------------------


def elsewhere(tensor):
    """The tensor, its values in another file."""
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../../etc/passwd"), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def constant():
    return helper.make_tensor("c", TensorProto.FLOAT, [1], [1.0])


def in_initializer(model):
    elsewhere(model.graph.initializer[0])


def in_a_constant(model):
    node = helper.make_node("Constant", [], ["c"], value=elsewhere(constant()))
    model.graph.node.insert(0, node)


def in_a_branch(model):
    inner = helper.make_node("Constant", [], ["c"], value=elsewhere(constant()))
    output = helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])
    graph = helper.make_graph([inner], "then", [], [output])
    node = helper.make_node("If", ["x"], ["y"], then_branch=graph, else_branch=graph)
    model.graph.node.insert(0, node)


def in_a_function(model):
    inner = helper.make_node("Constant", [], ["c"], value=elsewhere(constant()))
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "f", [], ["c"], [inner], opset))


def sparse(model):
    values, indices = elsewhere(constant()), helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


@pytest.mark.parametrize(
    "hide", [in_initializer, in_a_constant, in_a_branch, in_a_function, sparse]
)
def test_weights_in_another_file_are_refused_wherever_they_hide(tmp_path, hide):
    model = make_colour_model()
    hide(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert onnx.load(path, load_external_data=False)
    with pytest.raises(ModelError, match="in another file"):
        OnnxDetector(path)


class Bomb:
    """What a pickle can hold."""

    def __reduce__(self):
        return (os.mkdir, ("broken",))


@pytest.mark.parametrize("name", ["a.pt", "a.onnx", "a.pth", "a.bin"])
def test_no_pickle_is_opened(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError):
        load_detector(DetectorOptions(weights=str(tmp_path / name)))
    assert not (tmp_path / "broken").exists()
