"""Live cameras against a real RTSP server: frames, loss, refusals and silence."""

import logging
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.rtsp import needs_rtsp, serving
from tests.sources.made import steady, x264
from traffic_ai.core.frame import ClockSource, Frame
from traffic_ai.sources.file import VideoFile
from traffic_ai.sources.live import CameraState, LiveCamera

USER, PASSWORD = "op.erator", "hunter2/x@y"
LOGIN = "op.erator:hunter2%2Fx%40y"

pytestmark = needs_rtsp


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """2 s, a key frame every half second."""
    folder = tmp_path_factory.mktemp("rtsp")
    return x264(folder / "cam.mp4", steady(50), size=(160, 120), key_every=12)


@pytest.fixture
def serve(video):
    with serving(video) as serve:
        yield serve


@pytest.fixture
def watch():
    cameras = []

    def make(url, **options):
        camera = LiveCamera("gate", url, **options)
        cameras.append(camera)
        camera.start()
        return camera

    yield make
    for camera in cameras:
        camera.stop()


def state_within(camera, states, seconds=60.0):
    """The camera's status once it is in one of the states."""
    until = time.monotonic() + seconds
    while (status := camera.status()).state not in states:
        assert time.monotonic() < until, f"still {status}"
        camera.latest(0.05)
    return status


def frame_of_another_session(camera, session, seconds=60.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        frame = camera.latest(1.0)
        if frame is not None and frame.session is not session:
            return frame
    raise AssertionError(f"no new session: {camera.status()}")


def test_frames_come_with_rising_time_the_cameras_clock_and_footage(serve, watch, tmp_path):
    camera = watch(serve().url())
    frames = []
    until = time.monotonic() + 20.0
    while time.monotonic() < until:
        frame = camera.latest(5.0)
        assert frame is not None, camera.status()
        # The picture's memory is used again.
        frames.append(replace(frame, frame=Frame(frame.frame.info, frame.frame.image.copy())))
        moment = frame.frame.info.captured_at
        if moment.source is ClockSource.CAMERA and len(frames) > 50:
            break
    assert moment.source is ClockSource.CAMERA
    assert abs(moment.utc.timestamp() - time.time()) < 3.0
    assert moment.bound_s < 3.0
    times = [f.frame.info.t_s for f in frames]
    assert all(a < b for a, b in pairwise(times))
    assert np.median(np.diff(times)) == pytest.approx(0.04, abs=0.001)
    assert not any(f.frame.info.degraded for f in frames)
    assert frames[-1].frame.image.shape == (120, 160, 3)
    status = camera.status()
    assert status.state is CameraState.LIVE
    assert status.frames_received >= len(frames)
    # What was delivered can be had again.
    footage = frames[-1].session.footage
    middle = frames[len(frames) // 2].frame
    [still] = footage.stills([middle.info.t_s])
    assert np.array_equal(still.image, middle.image)
    clip = footage.clip(times[0], middle.info.t_s, tmp_path / "clip")
    assert not clip.reencoded
    played = VideoFile(clip.path, "gate")
    assert next(played.frames()).info.t_s == 0.0
    played.close()


def test_a_server_that_dies_and_comes_back_gives_a_new_session(serve, watch):
    server = serve()
    camera = watch(server.url())
    first = camera.latest(60.0)
    server.kill()
    state_within(camera, {CameraState.OFFLINE})
    serve(port=server.port)
    again = frame_of_another_session(camera, first.session)
    assert again.frame.info.t_s < 5.0
    assert camera.status().reconnects >= 1
    assert first.session.id != again.session.id


def test_a_silent_server_is_stalled_and_recovers_in_a_new_session(serve, watch):
    server = serve()
    camera = watch(server.url(), stall_timeout_s=1.0)
    first = camera.latest(60.0)
    os.kill(server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    state_within(camera, {CameraState.STALLED}, seconds=5.0)
    assert time.monotonic() - began < 4.0
    os.kill(server.process.pid, signal.SIGCONT)
    frame_of_another_session(camera, first.session)


def test_a_stalled_camera_can_be_stopped_at_once(serve, watch):
    server = serve()
    camera = watch(server.url(), stall_timeout_s=30.0)
    assert camera.latest(60.0)
    os.kill(server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    camera.stop()
    assert time.monotonic() - began < 4.0


def test_a_wrong_path_is_not_found(serve, watch):
    camera = watch(serve().url("/other"))
    status = state_within(camera, {CameraState.NOT_FOUND})
    assert "check the path" in status.detail


def test_nobody_listening_is_offline(serve, watch):
    server = serve()
    server.kill()
    camera = watch(server.url())
    assert state_within(camera, {CameraState.OFFLINE}).detail


def test_with_the_password_frames_come(serve, watch):
    server = serve("--user", USER, "--password", PASSWORD)
    assert watch(server.url(login=LOGIN)).latest(60.0) is not None


@pytest.mark.parametrize("login", ["", "op.erator:hunter2wrong"])
def test_a_wrong_password_is_told_and_shows_nowhere(serve, watch, caplog, capfd, login):
    caplog.set_level(logging.DEBUG)
    server = serve("--user", USER, "--password", PASSWORD)
    camera = watch(server.url(login=login))
    status = state_within(camera, {CameraState.UNAUTHORIZED})
    printed = capfd.readouterr()
    for text in (repr(status), camera.shown_url, caplog.text, printed.out, printed.err):
        assert "hunter2" not in text
