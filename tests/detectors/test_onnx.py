import hashlib
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.core.frame import Image
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.engines import Engine, EngineChoice
from traffic_ai.detectors.graph import cut
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.networks import CutNetwork, EndToEndNetwork, WholeNetwork
from traffic_ai.detectors.onnx import OnnxDetector, load_network
from traffic_ai.detectors.runtime import Session
from traffic_ai.detectors.yolo import Blob, Network

ModelMaker = Callable[..., onnx.ModelProto]
RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # BGR


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def load(path: Path) -> Network:
    return load_network(path, sha256_of(path))


def picture(width: int, height: int, *blocks: tuple[int, int, tuple[int, int, int]]) -> Image:
    """A black picture with 8x8 blocks at (x, y) of a BGR colour."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y, colour in blocks:
        image[y : y + 8, x : x + 8] = colour
    return image


def cells(width: int, height: int) -> np.ndarray:
    """(1, 3, height, width), 0..1: every 8x8 cell of another colour."""
    small = np.random.default_rng(1).random((1, 3, height // 8, width // 8), np.float32)
    return np.ascontiguousarray(np.kron(small, np.ones((1, 1, 8, 8), np.float32)))


def rows(found: Detections) -> list[tuple[int, list[int]]]:
    return sorted(
        (int(c), [round(v) for v in b])
        for c, b in zip(found.class_id, found.xyxy_px.tolist(), strict=True)
    )


@pytest.mark.parametrize("joined", [False, True], ids=["map by map", "joined maps"])
def test_a_fixed_graph_is_cut_and_runs_at_another_size(
    colour_model: ModelMaker, joined: bool, tmp_path: Path
) -> None:
    path = saved(colour_model(joined=joined), tmp_path)
    detector = OnnxDetector(path, size_px=256)
    assert isinstance(load(path), CutNetwork)
    assert detector.resizable
    found = detector.detect(picture(256, 128, (200, 40, GREEN), (16, 96, BLUE), (64, 0, RED)))
    assert rows(found) == [
        (RoadUser.PERSON, [60, 0, 76, 12]),
        (RoadUser.CAR, [196, 36, 212, 52]),
        (RoadUser.MOTORCYCLE, [12, 92, 28, 108]),
    ]
    assert (found.confidence > 0.99).all()


def test_the_cut_graph_gives_what_the_whole_one_gives(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    model = colour_model()
    network = load(saved(model, tmp_path))
    session = onnx_session(model)
    blob = cells(96, 64)
    table = session.run(None, {"images": blob})[0][0]
    found = network.propose(blob, 1e-6)[0]
    wanted = np.nonzero(table[4:].max(axis=0) >= 1e-6)[0]
    middles = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
    assert isinstance(network, CutNetwork)
    assert len(wanted) > 10
    assert np.allclose(middles, table[:2, wanted].T, atol=1e-3)
    assert np.allclose(found.confidence, table[4:, wanted].max(axis=0), rtol=1e-3, atol=1e-6)


def onnx_session(model: onnx.ModelProto):  # type: ignore[no-untyped-def]
    import onnxruntime

    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


MIXED = {0: "tree", 1: "car", 2: "person", 3: "house"}


@pytest.mark.parametrize("joined", [False, True], ids=["map by map", "joined maps"])
def test_classes_that_are_no_road_users_are_not_computed(
    colour_model: ModelMaker, joined: bool, tmp_path: Path
) -> None:
    """Red cells are trees here, and brightest; what is green or blue is found as before."""
    model = colour_model(names=MIXED, class_count=4, joined=joined)
    part = cut(model, [1, 2])
    assert part is not None
    assert part.columns == (1, 2)
    channels = 16 * joined + 2
    maps = onnx_session(onnx.load_model_from_string(part.data)).run(None, {"images": cells(96, 64)})
    assert {m.shape[1] for m in maps} == ({channels} if joined else {16, 2})
    detector = OnnxDetector(saved(model, tmp_path), size_px=96)
    found = detector.detect(picture(96, 64, (16, 16, RED), (40, 24, GREEN), (72, 40, BLUE)))
    assert rows(found) == [(RoadUser.PERSON, [68, 36, 84, 52]), (RoadUser.CAR, [36, 20, 52, 36])]


def test_a_class_map_whose_weights_serve_twice_is_left_whole(colour_model: ModelMaker) -> None:
    model = colour_model(names=MIXED, class_count=4)
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    assert len(convolutions) == 6
    convolutions[3].input[1] = convolutions[1].input[1]
    part = cut(model, [1, 2])
    assert part is not None
    assert part.columns == (0, 1, 2, 3)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each run of a cut graph had."""
    counted: list[int] = []
    propose = CutNetwork.propose

    def counting(self: CutNetwork, blob: Blob, min_confidence: float) -> list[Detections]:
        counted.append(len(blob))
        return propose(self, blob, min_confidence)

    monkeypatch.setattr(CutNetwork, "propose", counting)
    return counted


def coloured(height: int, width: int, seed: int) -> Image:
    """A picture of 8x8 cells of any colour."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.kron(small, np.ones((8, 8, 1), np.uint8))


def same(found: Detections, wanted: Detections) -> bool:
    return np.array_equal(found.class_id, wanted.class_id) and bool(
        np.allclose(found.xyxy_px, wanted.xyxy_px, atol=1e-3)
        and np.allclose(found.confidence, wanted.confidence, atol=1e-6)
    )


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("pinned", [False, True], ids=["cut", "whole"])
def test_pictures_together_give_what_each_gives_alone(
    colour_model: ModelMaker, tmp_path: Path, runs: list[int], batch_size: int, pinned: bool
) -> None:
    """The second is larger and of the input size of the first, the last of another."""
    path = saved(colour_model(pinned=pinned), tmp_path)
    shapes = [(64, 96), (128, 192), (64, 96), (64, 96), (96, 96)]
    pictures = [coloured(*shape, seed) for seed, shape in enumerate(shapes)]
    detector = OnnxDetector(path, size_px=96, choice=EngineChoice(batch_size=batch_size))
    assert detector.batch_size == (1 if pinned else batch_size)
    runs.clear()
    together = detector.detect_many(pictures)
    assert runs == ([] if pinned else [4, 1] if batch_size == 4 else [1] * 5)
    assert sum(map(len, together)) > 10
    alone = OnnxDetector(path, size_px=96)
    assert all(same(found, alone.detect(p)) for found, p in zip(together, pictures, strict=True))
    assert detector.detect_many([]) == []


def test_each_picture_of_many_is_looked_at_in_its_own_size(
    colour_model: ModelMaker, tmp_path: Path, runs: list[int]
) -> None:
    path = saved(colour_model(), tmp_path)
    pictures = [coloured(64, 96, seed) for seed in range(3)]
    detector = OnnxDetector(path, size_px=96, choice=EngineChoice(batch_size=2))
    runs.clear()
    found = detector.detect_many(pictures, [192, None, 192])
    assert runs == [2, 1]
    alone = OnnxDetector(path, size_px=96)
    for one, picture_, size_px in zip(found, pictures, [192, None, 192], strict=True):
        assert len(one) > 0
        assert same(one, alone.detect(picture_, size_px))


def test_pictures_of_several_threads_give_what_each_gives_alone(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    pictures = [coloured(64, 96, seed) for seed in range(8)] + [coloured(96, 96, 9)]
    alone = OnnxDetector(path, size_px=96)
    wanted = [alone.detect(picture_) for picture_ in pictures]
    detector = OnnxDetector(path, size_px=96, choice=EngineChoice(batch_size=8))
    with ThreadPoolExecutor(len(pictures)) as pool:
        for _ in range(20):
            found = pool.map(detector.detect, pictures)
            assert all(map(same, found, wanted))


def test_a_picture_that_is_none_is_its_callers_error_alone(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    detector = OnnxDetector(path, size_px=96, choice=EngineChoice(batch_size=4))
    with pytest.raises(ValueError, match="a picture is uint8"):
        detector.detect(np.zeros((64, 96), np.uint8))
    assert len(detector.detect(coloured(64, 96, 1))) > 0


@pytest.mark.parametrize("fails", [False, True], ids=["mixes them", "fails"])
def test_a_network_that_takes_one_picture_only_gets_one_at_a_time(
    colour_model: ModelMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails: bool,
) -> None:
    propose = CutNetwork.propose

    def mixed(self: CutNetwork, blob: Blob, min_confidence: float) -> list[Detections]:
        if fails and len(blob) > 1:
            raise ModelError("too many")
        return propose(self, np.ascontiguousarray(blob[::-1]), min_confidence)

    monkeypatch.setattr(CutNetwork, "propose", mixed)
    path = saved(colour_model(), tmp_path)
    with caplog.at_level(logging.WARNING):
        detector = OnnxDetector(path, size_px=96, choice=EngineChoice(batch_size=4))
    assert detector.batch_size == 1
    assert "several pictures at once" in caplog.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"box_scale": 2.0}, "decodes otherwise"), ({"pinned": True}, "takes one size only")],
    ids=["decodes otherwise", "takes one size only"],
)
def test_a_graph_that_cannot_be_cut_faithfully_runs_whole_at_its_own_size(
    colour_model: ModelMaker, options: dict[str, object], reason: str, tmp_path: Path
) -> None:
    path = saved(colour_model(**options), tmp_path)
    assert isinstance(load(path), WholeNetwork)
    detector = OnnxDetector(path, size_px=256)
    assert not detector.resizable
    assert detector.size_px == 96
    found = detector.detect(
        picture(192, 128, (64, 64, GREEN), (72, 64, GREEN), (64, 72, GREEN), (72, 72, GREEN))
    )
    assert found.class_id.tolist() == [RoadUser.CAR]
    middle = (found.xyxy_px[0, :2] + found.xyxy_px[0, 2:]) / 2
    if not options.get("box_scale"):
        assert middle.tolist() == pytest.approx([72, 72], abs=1)


def test_a_graph_of_open_size_runs_as_it_is(colour_model: ModelMaker, tmp_path: Path) -> None:
    # Its anchors are constants of the export size here, so only that size decodes.
    path = saved(colour_model((128, 96), dynamic=True), tmp_path)
    detector = OnnxDetector(path, size_px=128)
    found = detector.detect(picture(128, 96, (40, 40, BLUE)))
    assert detector.resizable
    assert rows(found) == [(RoadUser.MOTORCYCLE, [36, 36, 52, 52])]


def test_an_empty_road_gives_no_detections(colour_model: ModelMaker, tmp_path: Path) -> None:
    found = OnnxDetector(saved(colour_model(), tmp_path)).detect(picture(1280, 720))
    assert len(found) == 0
    assert found.xyxy_px.shape == (0, 4)


def test_weak_detections_are_given_down_to_the_threshold(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    image = picture(96, 64, (40, 24, (0, 186, 0)))  # 60 * 186/255 - 45 = -1.2: 0.23
    weak = OnnxDetector(path, size_px=96).detect(image)
    assert weak.confidence.tolist() == pytest.approx([0.225], abs=0.01)
    assert len(OnnxDetector(path, size_px=96, min_confidence=0.25).detect(image)) == 0


def test_the_same_picture_gives_the_same_detections(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    image = np.ascontiguousarray(cells(320, 240)[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    one = OnnxDetector(path, size_px=320, choice=EngineChoice(threads=1), min_confidence=0.01)
    two = OnnxDetector(path, size_px=320, choice=EngineChoice(threads=2), min_confidence=0.01)
    first, again, other = one.detect(image), one.detect(image), two.detect(image)
    assert len(first) > 0
    assert np.array_equal(first.xyxy_px, again.xyxy_px)
    assert np.array_equal(first.confidence, again.confidence)
    assert np.array_equal(first.xyxy_px, other.xyxy_px)


def test_end_to_end_exports_are_understood(tmp_path: Path) -> None:
    table = np.array(
        [
            [[10, 20, 30, 40, 0.9, 2], [50, 5, 70, 25, 0.8, 0], [1, 1, 9, 9, 0.7, 1]]
            + [[0, 0, 0, 0, 0, 0]] * 4
        ],
        np.float32,
    )
    names = {0: "person", 1: "dog", 2: "car"}
    path = saved(constant_model(table, names), tmp_path)
    assert isinstance(load(path), EndToEndNetwork)
    found = OnnxDetector(path).detect(picture(96, 64))
    assert rows(found) == [(RoadUser.PERSON, [50, 5, 70, 25]), (RoadUser.CAR, [10, 20, 30, 40])]


def constant_model(
    output: np.ndarray,
    names: dict[int, str] | None = None,
    shape: tuple[object, ...] = (1, 3, 64, 96),
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model that answers the same whatever it is shown."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["answer"], ["output0"])],
        "constant",
        [helper.make_tensor_value_info("images", kind, list(shape))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, output.shape)],
        [numpy_helper.from_array(output.astype(np.float32), "answer")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": repr(names)})
    return model


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (np.zeros((1, 25200, 85)), None),
        (np.zeros((1, 1000)), None),
        (np.zeros((2, 84, 100)), None),
        (np.zeros((1, 116, 100)), dict.fromkeys(range(80), "car")),
        (np.zeros((1, 3, 100)), None),
    ],
    ids=["YOLOv5", "a classifier", "a batch", "a segmenter", "too few rows"],
)
def test_another_kind_of_output_is_refused_with_what_was_found(
    output: np.ndarray, names: dict[int, str] | None, tmp_path: Path
) -> None:
    path = saved(constant_model(output, names), tmp_path)
    with pytest.raises(ModelError) as caught:
        OnnxDetector(path)
    assert str(path) in str(caught.value)
    assert str(list(output.shape)) in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 64, 96, 3), TensorProto.FLOAT),
        ((4, 3, 64, 96), TensorProto.FLOAT),
        ((1, 3, 60, 96), TensorProto.FLOAT),
        ((1, 3, 64, 96), TensorProto.UINT8),
        ((1, 3, 64, 96), TensorProto.FLOAT16),
        ((1, 3), TensorProto.FLOAT),
    ],
)
def test_another_kind_of_input_is_refused_with_what_was_found(
    shape: tuple[object, ...], kind: int, tmp_path: Path
) -> None:
    path = saved(constant_model(np.zeros((1, 84, 10)), None, shape, kind), tmp_path)
    with pytest.raises(UnusableModelError, match=r"input is .*wanted one tensor\(float\)"):
        OnnxDetector(path)


@pytest.mark.parametrize("content", [b"", b"hello, I am no network", b"\x08\x0a" * 500])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "garbage.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"garbage\.onnx"):
        OnnxDetector(path)


def test_the_bytes_of_a_graph_are_not_kept(colour_model: ModelMaker) -> None:
    data = colour_model().SerializeToString()
    before = sys.getrefcount(data)
    session = Session(data, "test", 1)
    assert sys.getrefcount(data) == before
    assert session.input_px is not None
    assert session.run(cells(*session.input_px))  # made of what it took from them


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(
    colour_model: ModelMaker, share: float, tmp_path: Path
) -> None:
    data = colour_model().SerializeToString()
    path = tmp_path / "cut_off.onnx"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"cut_off\.onnx"):
        OnnxDetector(path)


def test_a_missing_file_is_refused_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="traffic-ai models pull"):
        OnnxDetector(tmp_path / "absent.onnx")


def test_another_hash_is_refused_and_the_right_one_taken(
    colour_model: ModelMaker, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert OnnxDetector(path, sha256=right).model_hash == right
    with pytest.raises(ModelError, match=right):
        OnnxDetector(path, sha256="0" * 64)


def test_weights_outside_the_file_are_refused(tmp_path: Path, colour_model: ModelMaker) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(
        colour_model(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    with pytest.raises(ModelError, match="in another file"):
        OnnxDetector(path)


@pytest.mark.parametrize("engine", [Engine.CUDA, Engine.TENSORRT])
def test_an_absent_provider_is_refused_with_those_there_are(
    colour_model: ModelMaker, engine: Engine, tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    with pytest.raises(ModelError, match=r"CPUExecutionProvider.*onnxruntime-gpu"):
        OnnxDetector(path, choice=EngineChoice(engine))


@pytest.mark.parametrize(
    "options", [{"size_px": 100}, {"size_px": 0}, {"min_confidence": 0.0}, {"iou_limit": 1.5}]
)
def test_options_that_mean_nothing_are_refused(
    colour_model: ModelMaker, options: dict[str, float], tmp_path: Path
) -> None:
    path = saved(colour_model(), tmp_path)
    with pytest.raises(ModelError, match=next(iter(options))):
        OnnxDetector(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(
    colour_model: ModelMaker, image: np.ndarray, tmp_path: Path
) -> None:
    detector = OnnxDetector(saved(colour_model(), tmp_path))
    with pytest.raises(ValueError, match="a picture is"):
        detector.detect(image)
