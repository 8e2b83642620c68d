"""How a watch ends, whatever its cameras do."""

import threading

import pytest

from tests.blocks import BlockDetector, write_site
from traffic_ai.core.errors import StoreError
from traffic_ai.sources.live import CameraState, LiveStatus
from traffic_ai.watch import run
from traffic_ai.wiring import open_site

OFFLINE = LiveStatus(CameraState.OFFLINE, "", 0, 0, 0, 0, 0.0, None, 0.0)


class Camera:
    """A live camera without pictures; `ended` tells who was stopped."""

    shown_url = "rtsp://gate/cam"
    waits_since_s = None
    reader_pid = None

    def __init__(self, name, url, host=None):
        self.name = name

    def start(self):
        pass

    def latest(self, timeout_s):
        return None

    def status(self):
        return OFFLINE


def watch_of(tmp_path, names, **more):
    cameras = [{"id": name, "source": f"rtsp://{name}/cam"} for name in names]
    site = open_site(write_site(tmp_path / "site.yaml", *cameras))
    return run.Watch(site, tmp_path / "out", BlockDetector(), duration_s=0.0, **more)


def test_all_streams_are_hung_up_at_once(tmp_path, monkeypatch):
    """One after another, ten hung cameras would take ten times as long as one."""
    together = threading.Barrier(10)

    class Hung(Camera):
        hung_up = False

        def stop(self):
            if not self.hung_up:
                self.hung_up = True
                together.wait(60.0)

    monkeypatch.setattr(run, "LiveCamera", Hung)
    views = watch_of(tmp_path, [f"c{n}" for n in range(10)]).run(lambda *_: None)
    assert len(views) == 10
    assert not together.broken


def test_a_camera_that_fails_at_its_end_does_not_keep_the_others_from_theirs(tmp_path, monkeypatch):
    ended = []

    class Failing(Camera):
        def stop(self):
            ended.append(self.name)

        def status(self):
            if self.name == "b" and ended:
                raise StoreError("the disk is full")
            return OFFLINE

    monkeypatch.setattr(run, "LiveCamera", Failing)
    with pytest.raises(StoreError, match="full"):
        watch_of(tmp_path, "abc").run(lambda *_: None)
    # Hung up all together, then ended each.
    assert sorted(ended) == ["a", "a", "b", "b", "c", "c"]
    assert not [t for t in threading.enumerate() if t.name == "evidence"]
