"""A live camera: the newest frame, sessions, states and what an operator is told."""

import logging
import random
import threading
from fractions import Fraction

import pytest

from tests.sources.cameras import Site, TurnedClock, connect_to, launcher_of
from tests.sources.made import steady, x264
from traffic_ai.core.errors import (
    ConfigError,
    SourceLostError,
    SourceNotFoundError,
    SourceUnauthorizedError,
)
from traffic_ai.sources.clock import Backoff
from traffic_ai.sources.connection import SourceStalledError, check_url
from traffic_ai.sources.live import CameraState, LiveCamera

SECRET = "hunter2/x@y"
URL = "rtsp://op:hunter2%2Fx%40y@gate/cam"


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def camera_of(clock, monkeypatch):
    """Makes a started camera that is called at a site; stopped afterwards.

    Between two turns of the test's clock it does not look whether nothing has come for long.
    """
    monkeypatch.setattr("traffic_ai.sources.live._LISTEN_S", 60.0)
    made = []

    def make(site, **options):
        camera = LiveCamera(
            "gate",
            URL,
            clock=clock,
            launcher=launcher_of(site, clock),
            backoff=Backoff(random.Random(1)),
            **options,
        )
        made.append((camera, site))
        camera.start()
        return camera

    yield make
    for camera, site in made:
        for answer in site.answers:
            if isinstance(answer, Gate):
                answer.end()
        camera.stop()


class Gate:
    """A connection that lets a packet through each time it is opened, then holds."""

    def __init__(self, path):
        self._real = connect_to(path)
        self._open = threading.Semaphore(0)
        self._ended = threading.Event()
        self.stream, self.time_base = self._real.stream, self._real.time_base

    def __call__(self):
        return self

    def packets(self):
        for packet in self._real.packets():
            while not self._open.acquire(timeout=0.01):
                if self._ended.is_set():
                    return
            yield packet

    def let(self, count=1):
        self._open.release(count)

    def end(self):
        self._ended.set()

    def close(self):
        self.end()


def test_a_slow_consumer_gets_the_newest_frame_and_the_others_are_counted(
    tmp_path, clock, camera_of
):
    camera = camera_of(Site(x264(tmp_path / "a.mkv", steady(30))))
    clock.until_waiting()  # all 30 frames have been read by now
    frame = camera.latest(0.0)
    assert frame.frame.info.index == 29
    assert camera.latest(0.0) is None  # each frame is handed out once
    status = camera.status()
    assert (status.frames_received, status.frames_skipped) == (30, 29)


def test_a_quick_consumer_gets_every_frame(tmp_path, camera_of):
    gate = Gate(x264(tmp_path / "a.mkv", steady(10)))
    camera = camera_of(Site(gate))
    indices = []
    for _ in range(9):
        gate.let()
        frame = camera.latest(60.0)
        indices.append(frame.frame.info.index)
    assert indices == list(range(9))
    assert camera.status().frames_skipped == 0
    assert camera.status().state is CameraState.LIVE


def test_each_reconnect_begins_a_session_with_its_own_time(tmp_path, clock, camera_of):
    site = Site(
        x264(tmp_path / "a.mkv", [9000 + s for s in steady(30)]),
        x264(tmp_path / "b.mkv", [700 + s for s in steady(5)]),
    )
    camera = camera_of(site)
    clock.until_waiting()
    first = camera.latest(0.0)
    clock.advance(3.0)
    clock.let_go()
    clock.until_waiting()
    second = camera.latest(0.0)
    assert first.frame.info.t_s == pytest.approx(29 * 0.04)
    assert second.frame.info.t_s == pytest.approx(4 * 0.04)
    assert first.session is not second.session
    assert first.session.id != second.session.id
    assert camera.status().reconnects == 1
    # What the lost session sent is still there.
    assert first.session.footage.stills([0.5])[0].info.t_s == pytest.approx(0.48)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceUnauthorizedError("no"), CameraState.UNAUTHORIZED),
        (SourceNotFoundError("no"), CameraState.NOT_FOUND),
        (SourceStalledError("no"), CameraState.STALLED),
        (SourceLostError("no"), CameraState.OFFLINE),
        (RuntimeError("no"), CameraState.OFFLINE),
    ],
)
def test_a_refusal_is_told_as_a_state_and_tried_again(tmp_path, clock, camera_of, error, state):
    camera = camera_of(Site(error, x264(tmp_path / "a.mkv", steady(3))))
    assert camera.latest(0.0) is None
    clock.until_waiting()
    assert camera.status().state is state
    assert camera.status().last_frame_age_s is None
    clock.let_go()
    clock.until_waiting()
    assert camera.latest(0.0).frame.info.index == 2


def test_the_end_of_a_stream_is_a_loss(tmp_path, clock, camera_of):
    camera = camera_of(Site(x264(tmp_path / "a.mkv", steady(3))))
    clock.until_waiting()
    assert camera.status().state is CameraState.OFFLINE
    assert camera.status().detail == "the camera ended the stream"


def test_a_camera_without_a_new_frame_for_the_timeout_is_stalled(tmp_path, clock, camera_of):
    gate = Gate(x264(tmp_path / "a.mkv", steady(10)))
    camera = camera_of(Site(gate), stall_timeout_s=5.0)
    gate.let()
    assert camera.latest(60.0)
    clock.advance(4.0)
    assert camera.status().state is CameraState.LIVE
    clock.advance(2.0)
    status = camera.status()
    assert (status.state, status.detail) == (CameraState.STALLED, "no frame for 6 s")
    assert status.last_frame_age_s == pytest.approx(6.0)
    gate.let()
    assert camera.latest(60.0)
    assert camera.status().state is CameraState.LIVE


def test_a_changed_picture_size_begins_a_new_session(tmp_path, clock, camera_of):
    # One decoder sees both sizes, as when a camera's profile is changed under way.
    parts = [
        x264(
            tmp_path / f"{width}.ts",
            range(at * 3600, (at + 10) * 3600, 3600),
            size=(width, 64),
            time_base=Fraction(1, 90_000),
        ).read_bytes()
        for at, width in ((0, 96), (10, 128))
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    camera = camera_of(Site(tmp_path / "both.ts", x264(tmp_path / "b.mkv", steady(3))))
    clock.until_waiting()
    assert camera.status().detail == "the picture changed from 96x64 to 128x64"
    assert camera.latest(0.0).frame.image.shape == (64, 96, 3)


def test_the_received_rate_is_that_of_the_last_seconds(tmp_path, clock, camera_of):
    gate = Gate(x264(tmp_path / "a.mkv", steady(40)))
    camera = camera_of(Site(gate))
    for _ in range(20):
        gate.let()
        assert camera.latest(60.0)
        clock.advance(0.1)
    assert camera.status().received_fps == pytest.approx(20 / 5.0)
    clock.advance(4.0)
    assert camera.status().received_fps < 20 / 5.0


def test_stopping_frees_whoever_waits_for_a_frame(camera_of):
    camera = camera_of(Site(SourceLostError("no")))
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(camera.latest(60.0)))
    waiting.start()
    camera.stop()
    waiting.join(10.0)
    assert answers == [None]
    assert camera.status().state is CameraState.OFFLINE
    assert camera.latest(0.0) is None


def test_a_camera_that_was_never_started_can_be_stopped():
    LiveCamera("gate", URL).stop()


def test_no_credentials_in_status_logs_or_names(clock, camera_of, caplog):
    caplog.set_level(logging.DEBUG)
    leaking = [
        SourceLostError(f"cannot open '{URL}'"),
        RuntimeError(f"internal: {SECRET}"),
        OSError(f"{URL.replace('rtsp', 'RTSP')} and hunter2%2fx%40y"),
    ]
    for error in leaking:
        camera = camera_of(Site(error))
        clock.until_waiting()
        shown = [repr(camera.status()), camera.shown_url, repr(camera), caplog.text]
        for text in shown:
            assert "hunter2" not in text
            assert "op:" not in text
    assert caplog.records


def test_only_camera_urls_are_accepted():
    for url in ("rtsp://gate/cam", "RTSPS://u:p@gate", "http://gate/a.mjpg", "https://gate/x"):
        check_url(url)
    for url in (
        "file:///etc/passwd",
        "gate.mp4",
        "ftp://u:hunter2@gate/x",
        "rtsp://",
        "rtsp://u:hunter2@",
        "",
    ):
        with pytest.raises(ConfigError, match="not a camera's URL") as caught:
            LiveCamera("gate", url)
        assert "hunter2" not in str(caught.value)


def test_attempts_are_spaced_from_one_to_thirty_seconds_with_jitter():
    backoff = Backoff(random.Random(3))
    waits = [backoff.next_s() for _ in range(200)]
    assert all(1.0 <= wait <= 30.0 for wait in waits)
    assert waits[0] == pytest.approx(1.0)
    assert min(waits[10:]) >= 15.0
    assert len({round(wait, 3) for wait in waits[10:]}) > 100
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_refused_password_is_tried_rarely_since_cameras_lock_users_out():
    backoff = Backoff(random.Random(3))
    waits = [backoff.next_s(refused=True) for _ in range(50)]
    assert min(waits) >= 30.0
    assert max(waits) <= 300.0


def test_a_camera_that_delivered_is_tried_soon_after_its_loss(tmp_path, clock, camera_of):
    lost = SourceLostError("no")
    camera_of(Site(lost, lost, lost, x264(tmp_path / "a.mkv", steady(30)), lost))
    for _ in range(4):
        clock.until_waiting()
        clock.let_go()
    clock.until_waiting()
    assert clock.waits_s[2] > 1.1
    assert clock.waits_s[3] <= 1.0  # after the frames


def test_a_camera_that_breaks_with_its_first_frames_is_not_tried_ever_faster(
    tmp_path, clock, camera_of
):
    camera_of(Site(x264(tmp_path / "a.mkv", steady(3))))
    for _ in range(6):
        clock.until_waiting()
        clock.let_go()
    clock.until_waiting()
    assert clock.waits_s[5] > 3.0


def test_packets_that_give_no_picture_are_not_waited_for_for_ever(tmp_path, clock, camera_of):
    """A stream taken up after its only key frame: nothing of it can be decoded."""

    class Without(Gate):
        read = threading.Semaphore(0)

        def packets(self):
            for number, packet in enumerate(super().packets()):
                if number:
                    yield packet
                    self.read.release()

    gate = Without(x264(tmp_path / "a.mkv", steady(9), key_every=100))
    camera = camera_of(Site(gate))
    gate.let(5)
    for _ in range(4):
        assert gate.read.acquire(timeout=60.0)
    while (reading := camera._reading) is None or reading.session is None:  # sent, not yet heard
        threading.Event().wait(0.01)
    assert camera.status().state is CameraState.CONNECTING
    clock.advance(61.0)
    gate.let(4)
    clock.until_waiting()
    status = camera.status()
    assert status.state is CameraState.STALLED
    assert status.detail == "packets came, but no picture for 60 s"
