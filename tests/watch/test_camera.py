"""One watched camera: sessions and picture sizes that change, and troubles of its own."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests import records
from tests.blocks import Block, BlockDetector, picture, rows_of, write_site
from tests.watching import end
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.violation import NearMiss, ViolationKind
from traffic_ai.sources.live import CameraState, LiveFrame, LiveSession, LiveStatus
from traffic_ai.stores.database import ViolationStore
from traffic_ai.viewpoint.steadiness import Reference
from traffic_ai.watch.camera import WatchedCamera
from traffic_ai.watch.condition import PictureCondition
from traffic_ai.watch.ledger import Ledger
from traffic_ai.watch.references import References
from traffic_ai.watch.withheld import without_true_time
from traffic_ai.wiring import open_site

ONE = (Block(0.0),)
BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
SMALL, LARGE, SQUARE = (192, 108), (384, 216), (108, 108)


class Stream:
    """A live camera that hands out the frames it is given."""

    shown_url = "rtsp://***@gate/cam"
    reader_pid = None

    def __init__(self):
        self.frames = []
        self.state = CameraState.LIVE
        self.pace = None

    @property
    def waits_since_s(self):
        return self.frames[0].arrival_s if self.frames else None

    def latest(self, timeout_s):
        return self.frames.pop(0) if self.frames else None

    def status(self):
        return LiveStatus(self.state, "", 0, 0, 0, 0, 0.0, None, 0.0, self.pace)

    def start(self):
        pass

    def stop(self):
        self.state = CameraState.OFFLINE


def session(number):
    return LiveSession(f"gate@{number}", "gate", BEGAN, footage=None)


def film(live, start_s, end_s, size=SMALL, blocks=ONE, look=None, step_s=0.08):
    """Frames of a session from one moment to another."""
    count = round((end_s - start_s) / step_s)
    for index in range(count):
        t_s = start_s + step_s * index
        info = FrameInfo("gate", index, t_s, None, *size)
        image = picture(blocks, t_s, size) if look is None else look(picture(blocks, t_s, size))
        yield LiveFrame(Frame(info, image), live, 1000.0 + t_s)


@pytest.fixture
def make(tmp_path):
    """The camera, its stream and its store."""
    stores = []

    def making(**camera):
        site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"} | camera))
        stream = Stream()
        stores.append(ViolationStore.open(tmp_path / "violations.sqlite"))
        watched = WatchedCamera(
            site.cameras[0],
            stream,
            BlockDetector(),
            stores[-1],
            Ledger("gate"),
            None,
            recorder=None,
            every_frame=True,
        )
        return watched, stream, stores[-1]

    yield making
    for store in stores:
        store.close()


def tend(watched):
    """What the threads of a watch do beside the analysis."""
    watched.tend()
    watched.ledger.settle()


def work_all(watched, stream, frames):
    for frame in frames:
        stream.frames.append(frame)
        assert watched.work(lambda: 0.0)
        tend(watched)


def test_a_new_session_is_a_source_of_its_own(make, tmp_path):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 2.0))
    work_all(watched, stream, film(session(2), 0.0, 2.0))
    end(watched)
    runs = list(store.sources())
    assert [run.key.source_hash for run in runs] == ["gate@1", "gate@2"]
    assert [(run.state, run.frame_count) for run in runs] == [("done", 25), ("done", 25)]
    assert len(rows_of(tmp_path)["violations"]) == 2
    assert watched.view(0.0).violation_count == 2


def test_a_signal_that_is_never_read_is_the_cameras_trouble(make, tmp_path, monkeypatch):
    monkeypatch.setattr("traffic_ai.watch.silent_signals._LONG_S", 1.0)
    (tmp_path / "log.csv").write_text("time,group,aspect\n0,main,unknown\n")
    line = {"id": "stop", "line": [[0.5, 0.3], [0.5, 0.8]], "lanes": ["east"]}
    watched, stream, _ = make(
        signal_groups=[{"id": "main", "feed": {"csv": "log.csv"}}],
        stop_lines=[line | {"signal_group": "main"}],
    )
    work_all(watched, stream, film(session(1), 0.0, 0.8))
    assert watched.view(0.0).trouble == ""
    work_all(watched, stream, film(session(1), 0.8, 1.6))
    assert "signal main unreadable or dark" in watched.view(0.0).trouble
    end(watched)


@pytest.mark.parametrize("state", [CameraState.OFFLINE, CameraState.STALLED])
def test_a_session_is_ended_when_the_camera_is_lost_not_when_it_is_back(make, tmp_path, state):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 0.64))
    assert [run.state for run in store.sources()] == ["partial"]
    assert rows_of(tmp_path)["near_misses"] == []
    stream.state = state
    tend(watched)
    assert [run.state for run in store.sources()] == ["done"]
    # Half a passing: what the end of the track tells is told now.
    assert len(rows_of(tmp_path)["near_misses"]) == 1
    stream.state = CameraState.LIVE
    work_all(watched, stream, film(session(2), 0.0, 2.0))
    end(watched)
    assert len(list(store.sources())) == 2
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_a_vehicle_is_not_followed_from_one_session_into_the_next(make, tmp_path):
    """Half a passing in each: neither is enough."""
    watched, stream, _ = make()
    work_all(watched, stream, film(session(1), 0.0, 0.48))
    work_all(watched, stream, film(session(2), 0.48, 0.96))
    end(watched)
    assert rows_of(tmp_path)["violations"] == []


def test_a_picture_of_another_size_gets_a_scene_of_that_size(make, tmp_path):
    live = session(1)
    watched, stream, store = make()
    blocks = (Block(0.0), Block(2.4))
    work_all(watched, stream, film(live, 0.0, 2.0, SMALL, blocks))
    work_all(watched, stream, film(live, 2.0, 4.4, LARGE, blocks))
    end(watched)
    rows = rows_of(tmp_path)["violations"]
    assert sorted(row["t_s"] > 2.0 for row in rows) == [False, True]
    assert [run.state for run in store.sources()] == ["done"]


def states_of(store):
    return [event.state for event in store.camera_events("gate")]


def test_a_picture_of_another_shape_stops_the_camera_until_it_has_its_own_again(make, tmp_path):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 2.0))
    work_all(watched, stream, film(session(2), 0.0, 2.0, SQUARE))
    status = watched.view(0.0).status
    assert status.state is CameraState.MISMATCHED
    assert "108x108 and was 192x108" in status.detail
    work_all(watched, stream, film(session(3), 0.0, 2.0))
    end(watched)
    assert states_of(store) == ["live", "mismatched", "live", "offline"]
    assert len(rows_of(tmp_path)["violations"]) == 2


def test_a_picture_that_is_not_of_the_shape_the_site_was_drawn_on_stops_the_camera(make, tmp_path):
    watched, stream, store = make()
    site = tmp_path / "site.yaml"
    text = site.read_text()
    for share in ("0.01", "0.02", "0.98", "0.99"):
        text = text.replace(f"[{share}", f"[{float(share) * 192:.2f}")
    for share in ("0.3", "0.55", "0.8"):
        text = text.replace(f", {share}]", f", {float(share) * 108:.2f}]")
    site.write_text(text + "    coordinates: {unit: pixels, reference_size: [192, 108]}\n")
    camera = open_site(site).cameras[0]
    watched = WatchedCamera(
        camera, stream, BlockDetector(), store, Ledger("gate"), None, recorder=None
    )
    live = session(1)
    work_all(watched, stream, film(live, 0.0, 0.4, SQUARE))
    assert "108x108" in watched.view(0.0).status.detail
    work_all(watched, stream, film(live, 0.4, 2.8, SMALL, (Block(0.8),)))
    end(watched)
    assert states_of(store) == ["mismatched", "live", "offline"]
    assert len(rows_of(tmp_path)["violations"]) == 1


def noisy(image):
    """As a live sensor sees it."""
    noise = np.random.default_rng(int(image.sum())).normal(0.0, 2.0, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("state", ["black", "frozen"])
def test_a_picture_that_shows_nothing_new_is_a_state_and_nothing_is_judged_in_it(
    make, tmp_path, state
):
    watched, stream, store = make()
    live = session(1)
    still = picture((), 0.0)
    work_all(watched, stream, film(live, 0.0, 2.0, look=noisy))
    dead = np.zeros_like(still) if state == "black" else still
    work_all(watched, stream, film(live, 2.0, 32.0, look=lambda _: dead))
    assert watched.view(0.0).status.state == state
    assert watched.view(0.0).status.detail
    blocks = (Block(34.0),)
    work_all(watched, stream, film(live, 32.0, 36.0, blocks=blocks, look=noisy))
    end(watched)
    assert states_of(store) == ["live", state, "live", "offline"]
    assert len(rows_of(tmp_path)["violations"]) == 2


def houses(image):
    """The same picture with something to recognise above the road."""
    rng = np.random.default_rng(3)
    image = image.copy()
    for x in range(4, 184, 12):
        y, w, h = rng.integers(3, 12), rng.integers(5, 11), rng.integers(6, 18)
        image[y : y + h, x : x + w] = rng.integers(60, 160, 3)
    return image


def knocked(image):
    """Five pixels to the right."""
    return np.roll(houses(image), 5, axis=1)


def test_a_moved_camera_judges_nobody_until_it_is_back(make, tmp_path):
    watched, stream, store = make()
    live = session(1)
    work_all(watched, stream, film(live, 0.0, 12.0, look=houses))
    work_all(watched, stream, film(live, 12.0, 22.0, blocks=(), look=knocked))
    assert watched.view(0.0).status.state is CameraState.MOVED
    work_all(watched, stream, film(live, 22.0, 26.0, blocks=(Block(22.5),), look=knocked))
    work_all(watched, stream, film(live, 26.0, 36.0, blocks=(), look=houses))
    work_all(watched, stream, film(live, 36.0, 40.0, blocks=(Block(36.5),), look=houses))
    end(watched)
    assert states_of(store) == ["live", "moved", "live", "offline"]
    moments = sorted(row["t_s"] for row in rows_of(tmp_path)["violations"])
    assert [t < 20.0 for t in moments] == [True, False]
    assert moments[-1] > 36.0


def test_nobody_is_followed_over_a_gap_in_the_stream(make, tmp_path):
    """Half a passing before, half after: neither is enough."""
    watched, stream, store = make()
    live = session(1)
    work_all(watched, stream, film(live, 0.0, 0.48))
    work_all(watched, stream, film(live, 10.0, 10.48, blocks=(Block(10.0 - 0.48),)))
    end(watched)
    assert rows_of(tmp_path)["violations"] == []
    assert [run.key.source_hash for run in store.sources()] == ["gate@1"]


@pytest.mark.parametrize("pace", [0.84, 1.19])
def test_what_rests_on_time_is_withheld_where_the_stamps_do_not_run_with_it(pace):
    speeding = replace(records.violation(), kind=ViolationKind.SPEEDING)
    wrong_way = replace(records.violation(), kind=ViolationKind.WRONG_WAY)
    assert without_true_time([speeding, wrong_way], 1.01) == [speeding, wrong_way]
    assert without_true_time([speeding, wrong_way], None) == [speeding, wrong_way]
    miss, kept = without_true_time([speeding, wrong_way], pace)
    assert kept is wrong_way
    assert isinstance(miss, NearMiss)
    assert (miss.reason, miss.t_s) == ("untrue_time_stamps", speeding.t_s)
    assert miss.measurement == speeding.measurement
    assert not miss.explanation[-1].met


def test_changes_of_state_are_stored_once(make):
    watched, stream, store = make()
    for state in (CameraState.LIVE, CameraState.LIVE, CameraState.STALLED, CameraState.LIVE):
        stream.state = state
        watched.tend()
    end(watched)
    states = [event.state for event in store.camera_events("gate")]
    assert states == ["live", "stalled", "live", "offline"]


def test_all_frames_of_a_quick_camera_count(make):
    watched, stream, _ = make()
    for frame in film(session(1), 0.0, 6.0, blocks=(), look=houses, step_s=1 / 60):
        stream.frames.append(frame)
        assert watched.work(lambda now_s=frame.arrival_s: now_s)
    assert watched.view(1006.0).analysed_fps == pytest.approx(60.0, abs=0.5)
    end(watched)


def damaged(data):
    """A file's bytes, cut off or altered at many places."""
    yield b""
    for at in range(0, len(data), 7):
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def test_a_kept_view_that_is_damaged_is_none(tmp_path):
    site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"})).cameras[0]
    scene = site.scene(*SMALL)
    view = Reference(np.zeros((8, 12), np.uint8), np.ones((8, 1, 2), np.float32), np.zeros(2))
    references = References(tmp_path)
    references.save(site, scene, view)
    [path] = (tmp_path / "views").iterdir()
    whole = path.read_bytes()
    seen = set()
    for data in damaged(whole):
        path.write_bytes(data)
        seen.add(references.load(site, scene) is None)
    assert True in seen
    path.write_bytes(whole)
    assert np.array_equal(references.load(site, scene).corners, view.corners)


def test_a_view_that_cannot_be_taken_up_is_tried_with_the_next_picture(tmp_path):
    site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"})).cameras[0]
    loads = [OverflowError("not foreseen")]

    class Failing:
        def load(self, site, scene):
            if loads:
                raise loads.pop()

        def save(self, site, scene, view):
            pass

    condition = PictureCondition(site, Failing())
    frames = film(session(1), 0.0, 12.0, look=houses)
    with pytest.raises(OverflowError):
        condition.see(next(frames))
    for frame in (*frames, *film(session(1), 12.0, 22.0, blocks=(), look=knocked)):
        condition.see(frame)
    assert condition.state is CameraState.MOVED
