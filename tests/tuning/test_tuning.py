"""Tuning on small networks: what is chosen, kept and refused."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from tests.detectors.conftest import make_colour_model
from tests.records import violation
from tests.sources.made import write_video
from traffic_ai import tuning
from traffic_ai.core.errors import ModelError, UsageError
from traffic_ai.core.frame import Image
from traffic_ai.core.kinds import Engine, ViolationKind
from traffic_ai.core.violation import Violation
from traffic_ai.detectors.engines import EngineChoice, engines_here
from traffic_ai.detectors.models import prepared_folder, sha256_of
from traffic_ai.detectors.prepared import Prepared, int8_path, int8_paths
from traffic_ai.detectors.quantise import in_eight_bits
from traffic_ai.detectors.regions import Box, RegionDetector, SizedDetector, batch_size_of
from traffic_ai.detectors.remembered import forget, recall
from traffic_ai.detectors.yolo import YoloDetector
from traffic_ai.tuning import Footage, Look, Material, Trial, Tuning, best, differences
from traffic_ai.wiring import DetectorOptions, at_once, choose_engine, load_detector


def cells(seed: int) -> Image:
    """A picture of 8x8 cells, each bright in one colour or dark."""
    random = np.random.default_rng(seed)
    colour = np.eye(4, 3, dtype=np.uint8)[random.integers(0, 4, (8, 12))] * 255
    return np.kron(colour, np.ones((8, 8, 1), np.uint8))


MATERIAL = Material([cells(s) for s in range(3)], [cells(s) for s in range(10, 16)])
LOOKS = [Look(cells(20)), Look(cells(21), ((0, 0, 48, 64),))]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAFFIC_AI_MODELS", str(tmp_path / "cache"))
    path = tmp_path / "model.onnx"
    path.write_bytes(make_colour_model().SerializeToString())
    return path


def said(text: str) -> None:
    pass


def run(weights: Path, material: Material = MATERIAL) -> tuple[list[Trial], Trial]:
    return Tuning(weights, 96, LOOKS, prepared_folder()).run(material, said, rounds=2)


def of(trials: list[Trial], engine: Engine) -> list[Trial]:
    return [trial for trial in trials if trial.choice.engine is engine]


def graphs(weights: Path) -> list[Path]:
    return int8_paths(prepared_folder(), sha256_of(weights), 96)


def spoilt(prepared: Prepared, pictures: object, size_px: int) -> Prepared:
    """An eight-bit graph gone wrong: what was red is green."""
    model = onnx.load_model_from_string(prepared.graph)
    for tensor in model.graph.initializer:
        value = onnx.numpy_helper.to_array(tensor)
        if value.shape == (3, 3, 1, 1):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.roll(value, 1, axis=1), tensor.name))
    return Prepared(model.SerializeToString(), prepared.scales, prepared.classes, prepared.trial)


def test_every_engine_is_tried_and_the_choice_is_kept(weights: Path) -> None:
    trials, chosen = run(weights)
    assert replace(trials[0].choice, batch_size=1) == tuning.default_choice()
    assert trials[0].ratio == pytest.approx(1.0)
    for engine in engines_here():
        assert of(trials, engine), engine
        assert all(not t.problems and t.look_ms > 0 for t in of(trials, engine))
    kept = recall(prepared_folder(), sha256_of(weights), 96)
    assert kept is not None
    assert kept.choice == chosen.choice
    assert [rate.batch_size for rate in chosen.batches] == [1, 2, 4, 8]
    assert all(rate.looks_per_s > 0 for rate in chosen.batches)
    assert not any(trial.batches for trial in trials if trial is not chosen)
    assert set(kept.accepted) == set(engines_here())
    assert graphs(weights) == [
        int8_path(prepared_folder(), sha256_of(weights), 96, kept.graph_hash)
    ]


def test_an_eight_bit_graph_that_finds_something_else_is_refused_and_not_kept(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(weights)  # leaves a good one
    monkeypatch.setattr(tuning, "in_eight_bits", spoilt)
    trials, chosen = run(weights)
    wrong = of(trials, Engine.ORT_INT8)
    assert any("precision" in problem or "recall" in problem for problem in wrong[0].problems)
    assert not chosen.choice.engine.is_int8
    assert graphs(weights) == []
    with pytest.raises(ModelError, match=r"ort-int8 was not found good here.*traffic-ai tune"):
        choose_engine(DetectorOptions(str(weights), 96), "ort-int8")


def another(prepared: Prepared, pictures: Sequence[Image], size_px: int) -> Prepared:
    """An eight-bit graph that is as good and yet another."""
    made = in_eight_bits(prepared, pictures, size_px)
    model = onnx.load_model_from_string(made.graph)
    model.doc_string = "another"
    return replace(made, graph=model.SerializeToString())


def test_a_graph_whose_choice_was_not_written_is_never_used(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> Path:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(tuning, "remember", killed)
        with pytest.raises(Killed):
            run(weights)
    assert len(graphs(weights)) == 1
    int8 = DetectorOptions(str(weights), 96, choice=EngineChoice(Engine.ORT_INT8))
    with pytest.raises(ModelError, match="found good here"):
        load_detector(int8)
    run(weights)
    used = load_detector(int8).model_hash
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "remember", killed)
        patched.setattr(tuning, "in_eight_bits", another)
        with pytest.raises(Killed):
            run(weights)
    assert len(graphs(weights)) == 2
    assert load_detector(int8).model_hash == used
    run(weights)
    assert len(graphs(weights)) == 1


RED, SPEEDING = ViolationKind.RED_LIGHT, ViolationKind.SPEEDING
USUAL = [
    violation(RED, 3.0, lane_id="a"),
    violation(SPEEDING, 7.0, lane_id="b"),
    violation(SPEEDING, 7.4, lane_id="b"),
]
CLIP = Footage(Path("clip.mp4"), Path("site.yaml"))


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        (USUAL, []),
        ([violation(RED, 3.9, lane_id="a"), *USUAL[1:]], []),
        (USUAL[:2], ["misses speeding in lane b at 7.4 s of clip.mp4"]),
        (
            [violation(RED, 4.1, lane_id="a"), *USUAL[1:]],
            [
                "misses red_light in lane a at 3.0 s of clip.mp4",
                "makes up red_light in lane a at 4.1 s of clip.mp4",
            ],
        ),
        (
            [*USUAL, violation(RED, 3.0, lane_id="b")],
            ["makes up red_light in lane b at 3.0 s of clip.mp4"],
        ),
    ],
    ids=["the same", "a little later", "one lost", "far apart", "one gained"],
)
def test_what_is_reported_must_be_the_same(found: list[Violation], problems: list[str]) -> None:
    assert differences(CLIP, USUAL, found) == problems


def test_an_engine_with_which_something_else_is_reported_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reported(footage: Footage, detector: YoloDetector) -> list[Violation]:
        assert footage == CLIP
        return USUAL[1:] if "int8" in detector.model_hash else USUAL

    monkeypatch.setattr(tuning, "reported", reported)
    trials, chosen = run(weights, replace(MATERIAL, footage=[CLIP]))
    assert of(trials, Engine.ORT_INT8)[0].problems == (
        "misses red_light in lane a at 3.0 s of clip.mp4",
    )
    assert not any(trial.problems for trial in of(trials, Engine.OPENVINO))
    assert not chosen.choice.engine.is_int8
    assert graphs(weights) == []


def test_footage_is_run_as_process_does(weights: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [n * 3600 for n in range(5)])
    site = tmp_path / "site.yaml"
    site.write_text("version: 1\ncameras: [{id: a}]\n")
    assert tuning.reported(Footage(video, site), load_detector(DetectorOptions(str(weights)))) == []


def test_an_eight_bit_graph_that_cannot_be_made_leaves_the_others(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Prepared:
        raise ModelError("no such operation")

    monkeypatch.setattr(tuning, "in_eight_bits", fail)
    trials, _ = run(weights)
    assert [t.problems for t in of(trials, Engine.ORT_INT8)] == [("no such operation",)]
    assert not of(trials, Engine.ORT)[0].problems


def test_a_graph_that_is_not_cut_leaves_nothing_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "pinned.onnx"
    path.write_bytes(make_colour_model(pinned=True).SerializeToString())
    with pytest.raises(ModelError, match="nothing to choose"):
        Tuning(path, 96, LOOKS, tmp_path)


@pytest.mark.parametrize("engine", [e for e in engines_here() if e is not Engine.ORT])
def test_the_engine_that_was_chosen_runs_and_is_named_by_the_records(
    weights: Path, engine: Engine
) -> None:
    run(weights)
    options, note = choose_engine(DetectorOptions(str(weights), 96), engine.value)
    assert "engine: " in note
    detector, usual = load_detector(options), load_detector(DetectorOptions(str(weights), 96))
    assert usual.model_hash == sha256_of(weights)
    assert detector.model_hash.startswith(f"{sha256_of(weights)}+{engine.value}")
    assert len(detector.model_hash.split("+")) == (3 if engine.is_int8 else 2)
    found, wanted = detector.detect(cells(30)), usual.detect(cells(30))
    assert len(found) > 10
    assert np.array_equal(np.sort(found.class_id), np.sort(wanted.class_id))


def test_what_was_chosen_is_used_until_it_is_forgotten(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = DetectorOptions(str(weights), 96)
    assert choose_engine(asked) == (asked, "")
    monkeypatch.setattr(tuning, "best", lambda trials: of(list(trials), Engine.ORT_INT8)[0])
    _, chosen = run(weights)
    options, note = choose_engine(asked)
    assert options.choice == chosen.choice
    assert "ONNX Runtime, eight bits, chosen by `traffic-ai tune` on 20" in note
    assert choose_engine(asked, "ort")[0].choice == EngineChoice()
    assert choose_engine(DetectorOptions(str(weights), 128))[1] == ""
    forget(prepared_folder())
    assert choose_engine(asked) == (asked, "")


def test_pictures_at_once_are_remembered_with_the_engine_and_said_by_hand(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "best_batch_size", lambda rates: rates[2].batch_size)
    _, chosen = run(weights)
    asked = DetectorOptions(str(weights), 96)
    options, _ = choose_engine(asked)
    assert options.choice == chosen.choice
    assert options.choice.batch_size == 4
    assert batch_size_of(load_detector(options)) == 4
    assert at_once(options, None) == options
    assert batch_size_of(load_detector(at_once(options, 1))) == 1
    assert batch_size_of(load_detector(at_once(asked, 8))) == 8
    assert batch_size_of(load_detector(asked)) == 1
    with pytest.raises(UsageError, match=r"--batch.*mine\.pt"):
        at_once(DetectorOptions("mine.pt"), 2)


def test_a_network_that_mixes_pictures_is_tried_with_one_only(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "keeps_apart", lambda network: False)
    _, chosen = run(weights)
    assert [rate.batch_size for rate in chosen.batches] == [1]
    assert chosen.choice.batch_size == 1


def test_a_kept_eight_bit_graph_that_is_spoilt_stops_the_run_with_the_way_out(
    weights: Path,
) -> None:
    run(weights)
    options, _ = choose_engine(DetectorOptions(str(weights), 96), "ort-int8")
    (path,) = graphs(weights)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ModelError, match="traffic-ai tune"):
        load_detector(options)
    shutil.rmtree(prepared_folder())
    with pytest.raises(ModelError, match="traffic-ai tune"):
        load_detector(options)


def test_an_eight_bit_graph_is_not_used_at_a_size_it_was_not_compared_at(weights: Path) -> None:
    run(weights)
    with pytest.raises(ModelError, match=r"not found good here.*at size 128"):
        choose_engine(DetectorOptions(str(weights), 128), "ort-int8")
    with pytest.raises(ModelError, match="for size 128"):
        load_detector(DetectorOptions(str(weights), 128, choice=EngineChoice(Engine.ORT_INT8)))


def test_pytorch_weights_have_no_choice_of_engines() -> None:
    assert choose_engine(DetectorOptions("mine.pt"))[1] == ""
    with pytest.raises(UsageError, match=r"mine\.pt needs PyTorch"):
        choose_engine(DetectorOptions("mine.pt"), "openvino")
    with pytest.raises(UsageError, match="yolov8n-pt needs PyTorch"):
        choose_engine(DetectorOptions("yolov8n-pt"), "openvino")


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'abacus'.*ort-int8"):
        choose_engine(DetectorOptions(), "abacus")


def trial(engine: Engine, threads: int, ratio: float, *problems: str) -> Trial:
    return Trial(EngineChoice(engine, threads), 10.0, 10.0, ratio, None, problems)


DEFAULT = trial(Engine.ORT, 2, 1.0)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([], 0),
        ([trial(Engine.OPENVINO, 2, 0.97)], 0),
        ([trial(Engine.OPENVINO, 2, 0.90)], 1),
        ([trial(Engine.ORT_INT8, 2, 0.5, "recall"), trial(Engine.OPENVINO, 2, 0.90)], 2),
        ([trial(Engine.ORT_INT8, 2, 0.5), trial(Engine.ORT_INT8, 1, 0.51)], 2),
        ([trial(Engine.ORT_INT8, 2, 0.5), trial(Engine.ORT_INT8, 1, 0.6)], 1),
        ([trial(Engine.OPENVINO_INT8, 2, 0.5), trial(Engine.ORT_INT8, 2, 0.51)], 2),
        ([trial(Engine.OPENVINO_INT8, 2, float("nan"), "does not start")], 0),
    ],
    ids=[
        "alone",
        "hardly faster",
        "faster",
        "fastest is wrong",
        "fewer threads as fast",
        "fewer threads slower",
        "two as fast",
        "one that does not start",
    ],
)
def test_the_fastest_that_is_right_is_chosen_if_it_is_worth_it(
    others: list[Trial], chosen: int
) -> None:
    trials = [DEFAULT, *others]
    assert best(trials) is trials[chosen]


def test_a_site_is_timed_as_its_cameras_are_looked_at(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()

    class Noting(RegionDetector):
        def __init__(
            self,
            detector: SizedDetector,
            regions_px: Sequence[Box] = (),
            area_px: Box | None = None,
        ) -> None:
            asked.add((tuple(regions_px), area_px))
            super().__init__(detector, regions_px, area_px)

    monkeypatch.setattr(tuning, "RegionDetector", Noting)
    look = Look(cells(20), ((0, 0, 48, 64),), (0, 0, 64, 64))
    Tuning(weights, 96, [look], prepared_folder()).run(MATERIAL, said, rounds=1)
    assert asked == {(look.regions_px, look.area_px)}
