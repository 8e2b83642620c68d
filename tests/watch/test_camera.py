"""One watched camera: sessions and picture sizes that change, and troubles of its own."""

from datetime import UTC, datetime

import pytest

from tests.blocks import Block, BlockDetector, picture, rows_of, write_site
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.sources.live import CameraState, LiveFrame, LiveSession, LiveStatus
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch.camera import WatchedCamera
from traffic_ai.wiring import open_site

ONE = (Block(0.0),)
BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
SMALL, LARGE, SQUARE = (192, 108), (384, 216), (108, 108)


class Stream:
    """A live camera that hands out the frames it is given."""

    shown_url = "rtsp://***@gate/cam"

    def __init__(self):
        self.frames = []
        self.state = CameraState.LIVE

    def latest(self, timeout_s):
        return self.frames.pop(0) if self.frames else None

    def status(self):
        return LiveStatus(self.state, "", 0, 0, 0, 0, 0.0, None, 0.0)

    def start(self):
        pass

    def stop(self):
        self.state = CameraState.OFFLINE


def session(number):
    return LiveSession(f"gate@{number}", "gate", BEGAN, footage=None)


def film(live, start_s, end_s, size=SMALL, blocks=ONE):
    """Frames of a session from one moment to another, 80 ms apart."""
    count = round((end_s - start_s) / 0.08)
    for index in range(count):
        t_s = start_s + 0.08 * index
        info = FrameInfo("gate", index, t_s, None, *size)
        yield LiveFrame(Frame(info, picture(blocks, t_s, size)), live)


@pytest.fixture
def make(tmp_path):
    """The camera, its stream and its store."""
    stores = []

    def making(**camera):
        site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"} | camera))
        stream = Stream()
        stores.append(ViolationStore.open(tmp_path / "violations.sqlite"))
        watched = WatchedCamera(
            site.cameras[0], stream, BlockDetector(), stores[-1], None, recorder=None
        )
        return watched, stream, stores[-1]

    yield making
    for store in stores:
        store.close()


def work_all(watched, stream, frames):
    stream.frames += frames
    while watched.work(0.0):
        pass


def test_a_new_session_is_a_source_of_its_own(make, tmp_path):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 2.0))
    work_all(watched, stream, film(session(2), 0.0, 2.0))
    watched.stop()
    runs = list(store.sources())
    assert [run.key.source_hash for run in runs] == ["gate@1", "gate@2"]
    assert [(run.state, run.frame_count) for run in runs] == [("done", 25), ("done", 25)]
    assert len(rows_of(tmp_path)["violations"]) == 2
    assert watched.view(0.0).violation_count == 2


@pytest.mark.parametrize("state", [CameraState.OFFLINE, CameraState.STALLED])
def test_a_session_is_ended_when_the_camera_is_lost_not_when_it_is_back(make, tmp_path, state):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 0.64))
    assert [run.state for run in store.sources()] == ["partial"]
    assert rows_of(tmp_path)["near_misses"] == []
    stream.state = state
    assert not watched.work(0.0)
    assert [run.state for run in store.sources()] == ["done"]
    # Half a passing: what the end of the track tells is told now.
    assert len(rows_of(tmp_path)["near_misses"]) == 1
    stream.state = CameraState.LIVE
    work_all(watched, stream, film(session(2), 0.0, 2.0))
    watched.stop()
    assert len(list(store.sources())) == 2
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_a_vehicle_is_not_followed_from_one_session_into_the_next(make, tmp_path):
    """Half a passing in each: neither is enough."""
    watched, stream, _ = make()
    work_all(watched, stream, film(session(1), 0.0, 0.48))
    work_all(watched, stream, film(session(2), 0.48, 0.96))
    watched.stop()
    assert rows_of(tmp_path)["violations"] == []


def test_a_picture_of_another_size_gets_a_scene_of_that_size(make, tmp_path):
    live = session(1)
    watched, stream, store = make()
    blocks = (Block(0.0), Block(2.4))
    work_all(watched, stream, film(live, 0.0, 2.0, SMALL, blocks))
    work_all(watched, stream, film(live, 2.0, 4.4, LARGE, blocks))
    watched.stop()
    rows = rows_of(tmp_path)["violations"]
    assert sorted(row["t_s"] > 2.0 for row in rows) == [False, True]
    assert [run.state for run in store.sources()] == ["done"]


def test_a_picture_that_does_not_suit_the_site_is_a_trouble_until_it_does_again(
    make, tmp_path, caplog
):
    watched, stream, _ = make()
    site = tmp_path / "site.yaml"
    text = site.read_text()
    for share in ("0.01", "0.02", "0.98", "0.99"):
        text = text.replace(f"[{share}", f"[{float(share) * 192:.2f}")
    for share in ("0.3", "0.55", "0.8"):
        text = text.replace(f", {share}]", f", {float(share) * 108:.2f}]")
    site.write_text(text + "    coordinates: {unit: pixels, reference_size: [192, 108]}\n")
    watched._site = open_site(site).cameras[0]
    live = session(1)
    work_all(watched, stream, film(live, 0.0, 0.4, SQUARE))
    assert "108x108" in watched.view(0.0).trouble
    assert len(caplog.records) == 1, "said once, not with each frame"
    work_all(watched, stream, film(live, 0.4, 2.8, SMALL, (Block(0.8),)))
    assert watched.view(0.0).trouble == ""
    watched.stop()
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_changes_of_state_are_stored_once(make):
    watched, stream, store = make()
    for state in (CameraState.LIVE, CameraState.LIVE, CameraState.STALLED, CameraState.LIVE):
        stream.state = state
        watched.work(0.0)
    watched.stop()
    states = [event.state for event in store.camera_events("gate")]
    assert states == ["live", "stalled", "live", "offline"]
