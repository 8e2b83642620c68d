"""Real lamps, beside the checkout: what one reader saw frame by frame."""

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.scene import Scene, SignalGroup, SignalHead
from traffic_ai.core.signal import Aspect, SignalHistory
from traffic_ai.signals.lamps import HeadReader
from traffic_ai.signals.placement import place
from traffic_ai.signals.reader import SceneSignals

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BANGKOK = SHARED / "footage" / "redlight_bangkok_352x288.mp4"
HANOI = SHARED / "footage" / "intersection_hanoi_1615_640x480_6fps.mp4"
DAY = SHARED / "footage" / "intersection_bangkok_day_640x360.mp4"
CROPS = SHARED / "signal_crops"
shared = pytest.mark.shared


def frames(path: Path) -> Iterator[Frame]:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the checkout")
    with av.open(path) as container:
        for index, picture in enumerate(container.decode(video=0)):
            image = picture.to_ndarray(format="bgr24")
            height, width = image.shape[:2]
            yield Frame(FrameInfo("c", index, float(picture.time), None, width, height), image)


def watch(path: Path, *heads: SignalHead, every: int = 1) -> tuple[SignalHistory, list[float]]:
    """The final history, and the times of the clip's pictures."""
    signals, times = None, []
    for frame in frames(path):
        times.append(frame.info.t_s)
        if frame.info.index % every:
            continue
        if signals is None:
            groups = (SignalGroup("g", heads),)
            size = (frame.info.width_px, frame.info.height_px)
            signals = SceneSignals(Scene("c", *size, signal_groups=groups))
        history = signals.read(frame)["g"]
    return history, times


def truth_heads(path: Path) -> list[SignalHead]:
    file = SHARED / "footage" / "truth.json"
    if not file.exists():
        pytest.skip("the footage's truth is not beside the checkout")
    boxes = json.loads(file.read_text())[path.name]["signal_lamps_px_xyxy"]
    return [SignalHead(np.array(box, float)) for box in boxes]


@shared
@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize("which", [slice(0, 1), slice(0, 2)], ids=["one head", "two heads"])
def test_yellow_to_red_with_its_switching_gap(which: slice, every: int) -> None:
    history, times = watch(BANGKOK, *truth_heads(BANGKOK)[which], every=every)
    assert [s.aspect for s in history.states] == [Aspect.YELLOW, Aspect.RED]
    red = history.states[1]
    assert times[48] <= red.since_s <= times[50 + every]
    assert red.since_s - red.since_bound_s == pytest.approx(times[44], abs=0.041 * every)


@shared
def test_a_head_whose_yellow_is_too_faint_shows_its_red_in_time() -> None:
    history, times = watch(BANGKOK, truth_heads(BANGKOK)[1])
    assert history.states[-1].aspect is Aspect.RED
    assert times[48] <= history.states[-1].since_s <= times[50]
    assert all(s.aspect in (Aspect.UNKNOWN, Aspect.DARK) for s in history.states[:-1])


@shared
def test_a_dim_red_never_flickers_in_a_minute_of_traffic() -> None:
    history, times = watch(HANOI, *truth_heads(HANOI))
    assert [s.aspect for s in history.states] == [Aspect.GREEN, Aspect.DARK, Aspect.RED]
    assert times[24] <= history.states[-1].since_s <= times[26]
    assert history.settled_until_s == times[-1]


@shared
def test_a_red_countdown_cut_off_by_the_picture_is_read_as_a_single_lamp() -> None:
    lamp = SignalHead(None, lamps_px={Aspect.RED: np.array([558.0, 351.0, 570.0, 360.0])})
    history, times = watch(DAY, lamp)
    assert [s.aspect for s in history.states] == [Aspect.RED, Aspect.DARK]
    assert times[554] <= history.states[-1].since_s <= times[558]


@shared
def test_a_box_on_the_bare_road_shows_no_red_once_it_is_known() -> None:
    history, _ = watch(DAY, *truth_heads(DAY))
    seen = {s.aspect for s in history.states if s.since_s > 3.0}
    assert seen <= {Aspect.DARK, Aspect.UNKNOWN}


@shared
def test_single_crops_are_read_and_red_is_never_seen_wrongly() -> None:
    if not CROPS.exists():
        pytest.skip("the signal crops are not beside the checkout")
    right, total = 0, 0
    for aspect in (Aspect.RED, Aspect.YELLOW, Aspect.GREEN):
        for file in sorted((CROPS / aspect.value).glob("*.jpg")):
            image = np.asarray(cv2.imread(str(file)), np.uint8)
            height, width = image.shape[:2]
            head = SignalHead(np.array([0, 0, width, height], float))
            read = HeadReader(place(head, width, height, "g")).read(image, 0.0).aspect
            assert aspect is Aspect.RED or read is not Aspect.RED, file.name
            right += read is aspect
            total += 1
    assert right >= 0.95 * total


def test_the_sample_video_shows_its_phases_in_every_head() -> None:
    """The project's own drawn junction, heads as its site file has them."""
    video = ROOT / "sample_videos" / "junction.mp4"
    if not video.exists():
        pytest.skip("the sample video has not been made")
    phases = json.loads((video.parent / "junction.truth.json").read_text())["signal_groups"]["main"]
    relative = [(0.58816, 0.21348, 0.60418, 0.29053), (0.73394, 0.33871, 0.75115, 0.41208)]
    groups = tuple(
        SignalGroup(name, (SignalHead(np.array(box) * [1280, 720, 1280, 720]),))
        for name, box in zip(("far", "near"), relative, strict=True)
    )
    signals = SceneSignals(Scene("c", 1280, 720, signal_groups=groups))
    for frame in frames(video):
        if frame.info.index % 5 == 0:
            histories = signals.read(frame)
    for history in histories.values():
        assert [s.aspect.value for s in history.states] == [p["aspect"] for p in phases]
        for state, phase in zip(history.states[1:], phases[1:], strict=True):
            assert phase["t_s"] <= state.since_s <= phase["t_s"] + 0.2 + 1e-6
            assert state.since_s - state.since_bound_s <= phase["t_s"]
