"""The real weights."""

from pathlib import Path

import numpy as np
import pytest

from traffic_ai.core.frame import Image
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.agreement import compare
from traffic_ai.detectors.engines import EngineChoice, open_session
from traffic_ai.detectors.exported import Export
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.networks import CutNetwork
from traffic_ai.detectors.onnx import OnnxDetector, load_network
from traffic_ai.detectors.quantise import in_eight_bits
from traffic_ai.detectors.regions import RegionDetector
from traffic_ai.detectors.riders import merge_riders
from traffic_ai.detectors.suppression import areas, intersections
from traffic_ai.detectors.yolo import YoloDetector

pytestmark = pytest.mark.detector

SHARED = Path(__file__).parents[2].parent / "shared" / "footage"


def shared_picture(clip: str, at_s: float) -> Image:
    """The first picture of a clip at or after a moment."""
    if not SHARED.exists():
        pytest.skip("no footage beside the checkout")
    import av

    with av.open(str(SHARED / clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= at_s:
                return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    raise AssertionError(f"{clip} ends before {at_s} s")


def test_the_weights_are_cut_and_run_at_any_size(yolov8n: Path) -> None:
    assert isinstance(load_network(yolov8n, sha256_of(yolov8n)), CutNetwork)
    detector = OnnxDetector(yolov8n)
    for height, width in ((360, 640), (1080, 1920), (288, 352), (50, 700)):
        assert len(detector.detect(np.full((height, width, 3), 114, np.uint8))) == 0


@pytest.mark.shared
def test_the_cut_graph_finds_what_the_whole_one_finds(yolov8n: Path) -> None:
    data = yolov8n.read_bytes()
    cut = load_network(yolov8n, sha256_of(yolov8n))
    assert isinstance(cut, CutNetwork)
    whole = Export(data, "yolov8n", 1).whole(EngineChoice())
    picture = shared_picture("intersection_hanoi_1615_640x480_6fps.mp4", 5.0)
    square = np.full((640, 640, 3), 114, np.uint8)
    square[80:560] = picture
    blob = np.ascontiguousarray(square[None, :, :, ::-1].transpose(0, 3, 1, 2)) / np.float32(255)
    one, other = cut.propose(blob, 0.1)[0], whole.propose(blob, 0.1)[0]
    assert len(one) == len(other) > 100
    assert np.allclose(one.xyxy_px, other.xyxy_px, atol=0.01)
    assert np.allclose(one.confidence, other.confidence, atol=1e-4)
    assert np.array_equal(one.class_id, other.class_id)


@pytest.mark.shared
def test_the_number_of_threads_does_not_change_the_result(yolov8n: Path) -> None:
    picture = shared_picture("intersection_bangkok_day_640x360.mp4", 12.0)
    one = OnnxDetector(yolov8n, choice=EngineChoice(threads=1)).detect(picture)
    two = OnnxDetector(yolov8n, choice=EngineChoice(threads=2)).detect(picture)
    assert len(one) > 10
    assert np.array_equal(one.xyxy_px, two.xyxy_px)
    assert np.array_equal(one.confidence, two.confidence)


@pytest.mark.shared
def test_riders_at_a_junction_full_of_motorcycles_are_merged(yolov8n: Path) -> None:
    found = OnnxDetector(yolov8n, size_px=960).detect(
        shared_picture("intersection_hanoi_1615_640x480_6fps.mp4", 16.0)
    )
    merged = merge_riders(found)
    persons = int((found.class_id == RoadUser.PERSON).sum())
    left = int((merged.class_id == RoadUser.PERSON).sum())
    assert persons >= 15
    assert left <= 0.6 * persons
    # Five of the 29 are seen twice, with and without their riders.
    two_wheelers = int((found.class_id == RoadUser.MOTORCYCLE).sum())
    assert two_wheelers - 6 <= (merged.class_id == RoadUser.MOTORCYCLE).sum() <= two_wheelers


@pytest.mark.shared
def test_regions_find_what_the_whole_picture_at_that_size_finds(yolov8n: Path) -> None:
    """Two overlapping halves, enlarged, against the whole picture enlarged alike."""
    picture = shared_picture("intersection_bangkok_day_640x360.mp4", 12.0)
    detector = OnnxDetector(yolov8n)
    halves = RegionDetector(detector, [(0, 0, 400, 360), (240, 0, 640, 360)]).detect(picture)
    whole = detector.detect(picture, 1024)
    sure = whole.select(whole.confidence >= 0.5)
    shared = intersections(sure.xyxy_px, halves.xyxy_px)
    union = areas(sure.xyxy_px)[:, None] + areas(halves.xyxy_px)[None, :] - shared
    again = (shared / union).max(axis=1) >= 0.7
    assert len(sure) >= 8
    assert again.mean() >= 0.85


def sample_pictures(every_s: float) -> list[Image]:
    """Pictures of the sample junction, one each so many seconds."""
    import av

    found, next_s = [], 0.0
    with av.open(str(Path(__file__).parents[2] / "sample_videos" / "junction.mp4")) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= next_s:
                next_s += every_s
                found.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    return found


def test_pictures_together_find_what_each_finds_alone(yolov8n: Path) -> None:
    pictures = sample_pictures(3.0)
    alone = OnnxDetector(yolov8n, choice=EngineChoice(threads=1))
    together = OnnxDetector(yolov8n, choice=EngineChoice(threads=1, batch_size=4))
    assert together.batch_size == 4
    found, wanted = together.detect_many(pictures), [alone.detect(one) for one in pictures]
    assert sum(map(len, wanted)) > 30
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.class_id, other.class_id)
        assert np.allclose(one.xyxy_px, other.xyxy_px, atol=0.01)
        assert np.allclose(one.confidence, other.confidence, atol=1e-4)


def test_eight_bits_find_what_the_weights_find_and_are_half_the_size(yolov8n: Path) -> None:
    prepared = Export(yolov8n.read_bytes(), "yolov8n", 1).prepare()
    assert prepared is not None
    pictures = sample_pictures(1.25)
    made_with, compared_on = pictures[::4], [p for i, p in enumerate(pictures) if i % 4]
    int8 = in_eight_bits(prepared, made_with, 640)
    assert len(int8.graph) < 0.5 * len(prepared.graph)
    one = EngineChoice(threads=1)
    found = [
        [
            YoloDetector(p.network(open_session(p.graph, "m", one)), "h").detect(picture)
            for picture in compared_on
        ]
        for p in (prepared, int8)
    ]
    agreement = compare(*found)
    assert agreement.sure >= 30
    assert agreement.recall >= 0.97
    assert agreement.precision >= 0.97
    assert agreement.largest_shift <= 0.1
    assert agreement.typical_shift > 0.0  # it is another graph
