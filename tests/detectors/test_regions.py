from collections.abc import Sequence

import numpy as np
import pytest

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Image
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.regions import RegionDetector, batch_size_of

Box = tuple[int, int, int, int]


class WhiteBlocks:
    """A detector that finds the white rectangles of a black picture, each as a car.

    It sees what is in the picture it is given, so a block at its border comes out cut. `runs`:
    (width, height, size asked for) of each picture it was given.
    """

    model_hash = "fake"

    def __init__(self, size_px: int = 640, resizable: bool = True) -> None:
        self.size_px = size_px
        self.resizable = resizable
        self.runs: list[tuple[int, int, int | None]] = []

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        import cv2

        self.runs.append((image.shape[1], image.shape[0], size_px))
        _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(image[:, :, 0]))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]], np.float32)
        n = len(boxes)
        return Detections(
            boxes.reshape(-1, 4), np.full(n, 0.5, np.float32), np.full(n, RoadUser.CAR, np.int64)
        )


def picture(width: int, height: int, *blocks: Box) -> Image:
    image = np.zeros((height, width, 3), np.uint8)
    for x0, y0, x1, y1 in blocks:
        image[y0:y1, x0:x1] = 255
    return image


def boxes(found: Detections) -> list[Box]:
    return sorted(tuple(round(v) for v in b) for b in found.xyxy_px.tolist())  # type: ignore[misc]


def test_without_regions_the_whole_picture_is_looked_at_at_the_detectors_size() -> None:
    fake = WhiteBlocks()
    found = RegionDetector(fake).detect(picture(1280, 720, (100, 100, 150, 140)))
    assert fake.runs == [(1280, 720, None)]
    assert boxes(found) == [(100, 100, 150, 140)]


def test_boxes_come_back_in_the_whole_pictures_pixels() -> None:
    detector = RegionDetector(WhiteBlocks(), [(400, 200, 800, 500)])
    found = detector.detect(picture(1280, 720, (450, 250, 500, 280), (10, 10, 40, 40)))
    assert boxes(found) == [(10, 10, 40, 40), (450, 250, 500, 280)]
    assert detector.model_hash == "fake"


def test_a_region_that_holds_the_whole_picture_takes_its_place() -> None:
    fake = WhiteBlocks()
    RegionDetector(fake, [(0, 0, 1280, 720)]).detect(picture(1280, 720))
    assert fake.runs == [(1280, 720, 1280)]


@pytest.mark.parametrize(
    ("region", "size_px"),
    [
        ((0, 0, 200, 180), 400),
        ((0, 0, 480, 480), 640),
        ((0, 0, 800, 450), 800),
        ((0, 0, 1280, 1280), 1280),
        ((0, 0, 3000, 1500), 1810),
    ],
    ids=["twofold", "less", "as it is", "still as it is", "shrunk"],
)
def test_a_region_is_run_at_its_own_size_within_the_budget(region: Box, size_px: int) -> None:
    fake = WhiteBlocks()
    RegionDetector(fake, [region]).detect(picture(3840, 2160))
    assert fake.runs == [(3840, 2160, 640), (region[2], region[3], size_px)]


@pytest.mark.parametrize("region", [(0, 0, 320, 180), (0, 0, 480, 270), (7, 9, 960, 75)])
def test_a_fixed_network_gets_overlapping_tiles_that_cover_the_region(region: Box) -> None:
    fake = WhiteBlocks(160, resizable=False)
    RegionDetector(fake, [region]).detect(picture(960, 540))
    assert 2 < len(fake.runs) <= 5
    # A vehicle of a sixth of the network's size is whole in a tile wherever it stands.
    for x in range(region[0], region[2] - 25, 23):
        block = (x, region[1] + 20, x + 25, region[1] + 45)
        detector = RegionDetector(WhiteBlocks(160, resizable=False), [region])
        assert boxes(detector.detect(picture(960, 540, block))) == [block]


def test_a_vehicle_in_two_regions_is_found_once() -> None:
    detector = RegionDetector(WhiteBlocks(), [(0, 0, 400, 400), (200, 0, 600, 400)])
    block = (250, 100, 300, 140)
    assert boxes(detector.detect(picture(600, 400, block))) == [block]


def test_a_vehicle_cut_by_one_region_is_given_whole_from_the_other() -> None:
    detector = RegionDetector(WhiteBlocks(), [(0, 0, 300, 400), (200, 0, 600, 400)])
    block = (280, 100, 380, 160)
    assert boxes(detector.detect(picture(600, 400, block))) == [block]


@pytest.mark.parametrize("region", [(0, 0, 300, 400), (0, 0, 600, 130)])
def test_a_vehicle_cut_by_the_only_region_is_given_whole_from_the_whole_picture(
    region: Box,
) -> None:
    block = (280, 100, 380, 160)
    detector = RegionDetector(WhiteBlocks(), [region])
    assert boxes(detector.detect(picture(600, 400, block))) == [block]


def test_a_vehicle_at_the_pictures_own_border_is_given() -> None:
    detector = RegionDetector(WhiteBlocks(), [(0, 200, 600, 400)])
    block = (100, 350, 180, 400)
    assert boxes(detector.detect(picture(600, 400, block))) == [block]


def test_a_small_vehicle_before_a_large_one_is_not_taken_for_a_part_of_it() -> None:
    # The black gap keeps them two; both are whole in both regions.
    blocks = [(100, 100, 300, 250), (310, 180, 350, 250)]
    detector = RegionDetector(WhiteBlocks(), [(0, 0, 500, 400), (50, 0, 600, 400)])
    assert boxes(detector.detect(picture(600, 400, *blocks))) == blocks


def test_a_region_that_reaches_over_the_picture_is_cut_to_it() -> None:
    fake = WhiteBlocks()
    RegionDetector(fake, [(-50, 300, 700, 900)]).detect(picture(600, 400))
    assert fake.runs == [(600, 400, 640), (600, 100, 640)]


def test_a_change_of_picture_size_is_followed() -> None:
    fake = WhiteBlocks()
    detector = RegionDetector(fake, [(0, 0, 700, 700)])
    detector.detect(picture(600, 400))
    detector.detect(picture(800, 800))
    assert fake.runs == [(600, 400, 640), (800, 800, 640), (700, 700, 700)]


@pytest.mark.parametrize("region", [(100, 100, 100, 200), (300, 100, 200, 200)])
def test_an_empty_region_is_refused(region: Box) -> None:
    with pytest.raises(ConfigError, match=str(region[0])):
        RegionDetector(WhiteBlocks(), [region])


def test_a_region_outside_the_picture_is_refused() -> None:
    detector = RegionDetector(WhiteBlocks(), [(700, 0, 900, 100)])
    with pytest.raises(ConfigError, match=r"outside the picture \(600x400\)"):
        detector.detect(picture(600, 400))


def test_the_detection_area_is_looked_at_as_large_as_in_the_picture() -> None:
    fake = WhiteBlocks()
    detector = RegionDetector(fake, area_px=(0, 208, 1280, 656))
    found = detector.detect(picture(1280, 720, (100, 300, 150, 340), (100, 100, 150, 140)))
    assert boxes(found) == [(100, 300, 150, 340)]
    assert fake.runs == [(1280, 448, 640)]
    fake.runs.clear()
    RegionDetector(fake, area_px=(320, 80, 832, 720)).detect(picture(1280, 720))
    assert fake.runs == [(512, 640, 320)]


def test_whom_the_areas_border_cuts_is_given_as_the_picture_cuts_them_but_for_the_top() -> None:
    detector = RegionDetector(WhiteBlocks(), area_px=(100, 100, 500, 300))
    left, bottom, top = (80, 150, 140, 200), (200, 250, 260, 340), (300, 60, 360, 140)
    found = detector.detect(picture(600, 400, left, bottom, top))
    assert boxes(found) == [(100, 150, 140, 200), (200, 250, 260, 300)]


def test_in_an_area_a_vehicle_cut_by_a_region_is_given_whole() -> None:
    area, region = (0, 100, 600, 400), (0, 100, 300, 200)
    detector = RegionDetector(WhiteBlocks(), [region], area)
    cut_by_region, cut_by_both = (250, 150, 340, 240), (100, 80, 140, 130)
    found = detector.detect(picture(600, 400, cut_by_region, cut_by_both))
    assert boxes(found) == [cut_by_region]


def test_a_fixed_network_gets_the_area_alone() -> None:
    fake = WhiteBlocks(resizable=False)
    RegionDetector(fake, area_px=(0, 80, 640, 360)).detect(picture(640, 360))
    assert [run[:2] for run in fake.runs] == [(640, 280)]


class Together(WhiteBlocks):
    """One that looks at several pictures at once; `calls`: how many each time."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.calls: list[int] = []

    def detect_many(
        self, images: Sequence[Image], sizes_px: Sequence[int | None] | None = None
    ) -> list[Detections]:
        assert sizes_px is not None
        self.calls.append(len(images))
        return [self.detect(*one) for one in zip(images, sizes_px, strict=True)]


def test_a_detector_of_several_pictures_gets_all_views_of_one_at_once() -> None:
    regions = [(0, 0, 400, 400), (200, 0, 600, 400)]
    block = (250, 100, 300, 140)
    one, many, single = WhiteBlocks(), Together(4), Together(1)
    for fake in (one, many, single):
        found = RegionDetector(fake, regions).detect(picture(600, 400, block))
        assert boxes(found) == [block]
        assert fake.runs == [(600, 400, 640), (400, 400, 640), (400, 400, 640)]
    assert many.calls == [3]
    assert single.calls == []
    assert [batch_size_of(fake) for fake in (one, many, single)] == [1, 4, 1]
