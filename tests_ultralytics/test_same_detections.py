"""The same network as `.pt` and as ONNX finds the same road users."""

from pathlib import Path

import av
import numpy as np
import pytest

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.detectors.models import pull
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.ultralytics import UltralyticsDetector

ROOT = Path(__file__).resolve().parents[1]
CLIPS = {
    "sample": ROOT / "sample_videos" / "junction.mp4",
    "motorcycles": ROOT.parent / "shared/footage/intersection_hanoi_1615_640x480_6fps.mp4",
}


def every_third_second(clip: Path, count: int) -> list[Image]:
    """Pictures (H, W, 3) BGR of a clip, three seconds apart."""
    pictures: list[Image] = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= 3.0 * len(pictures):
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            if len(pictures) == count:
                break
    return pictures


@pytest.fixture(scope="module")
def onnx() -> OnnxDetector:
    return OnnxDetector(pull("yolov8n"))


@pytest.fixture(scope="module")
def pt() -> UltralyticsDetector:
    return UltralyticsDetector(pull("yolov8n-pt"), allow_pickle=True)


def strong(found: Detections) -> Detections:
    """Those well above the threshold, where rounding cannot make one come or go."""
    return found.select(found.confidence >= 0.15)


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS.keys())
def test_pt_and_onnx_find_the_same_road_users(
    clip: Path, onnx: OnnxDetector, pt: UltralyticsDetector
) -> None:
    if not clip.exists():
        pytest.skip(f"no {clip.name} here")
    compared = 0
    for picture in every_third_second(clip, 8):
        one, other = onnx.detect(picture), pt.detect(picture)
        assert_each_is_in(strong(one), other)
        assert_each_is_in(strong(other), one)
        compared += len(strong(one))
    assert compared >= 20


def assert_each_is_in(some: Detections, others: Detections) -> None:
    for box, confidence, class_id in zip(some.xyxy_px, some.confidence, some.class_id, strict=True):
        nearest = np.abs(others.xyxy_px - box).max(axis=1).argmin()
        assert np.abs(others.xyxy_px[nearest] - box).max() < 0.5
        assert abs(others.confidence[nearest] - confidence) < 0.01
        assert others.class_id[nearest] == class_id


def test_the_pt_network_equals_the_packages_own_prediction(pt: UltralyticsDetector) -> None:
    """Letterbox and decoding are ours; the package's own on the same picture must agree."""
    ultralytics = pytest.importorskip("ultralytics")
    clip = next((c for c in CLIPS.values() if c.exists()), None)
    if clip is None:
        pytest.skip("no clip here")
    picture = every_third_second(clip, 2)[-1]
    own = pt.detect(picture)
    result = ultralytics.YOLO(str(pull("yolov8n-pt"))).predict(
        picture, imgsz=640, conf=0.1, iou=0.6, agnostic_nms=True, verbose=False
    )[0]
    coco = {0: 0, 1: 1, 2: 2, 3: 3, 5: 4, 7: 5}
    boxes, confidence = result.boxes.xyxy.cpu().numpy(), result.boxes.conf.cpu().numpy()
    class_id = result.boxes.cls.cpu().numpy().astype(int)
    compared = 0
    for box, sure, number in zip(boxes, confidence, class_id, strict=True):
        if number not in coco or sure < 0.4:
            continue
        nearest = np.abs(own.xyxy_px - box).max(axis=1).argmin()
        assert np.abs(own.xyxy_px[nearest] - box).max() < 1.5
        assert abs(own.confidence[nearest] - sure) < 0.02
        compared += 1
    assert compared >= 3


def test_a_broken_pt_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(pull("yolov8n-pt").read_bytes()[:100_000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        UltralyticsDetector(broken, allow_pickle=True)
