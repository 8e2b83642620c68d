"""Whether a knocked camera is told from one in the wind, by light and by night."""

import cv2
import numpy as np
import pytest

from traffic_ai.core.scene import Lane, Scene
from traffic_ai.viewpoint.steadiness import Reference, Steadiness

W, H = 640, 360
LANE = np.array([[0, 200], [W, 200], [W, H], [0, H]], float)
SCENE = Scene("gate", W, H, (Lane("east", LANE, np.array([[0.0, 280.0], [W, 280.0]])),))


@pytest.fixture(scope="module")
def street():
    """Houses: rectangles of many greys on a larger picture, so that a view can move over it."""
    rng = np.random.default_rng(5)
    picture = np.full((H + 200, W + 200, 3), 120, np.uint8)
    for _ in range(260):
        x, y = rng.integers(0, (W + 180, H + 180))
        w, h = rng.integers(12, 70, 2)
        cv2.rectangle(picture, (x, y), (x + w, y + h), rng.integers(20, 235, 3).tolist(), -1)
    return cv2.GaussianBlur(picture, (5, 5), 1.0)


class Camera:
    """A view of the street; time goes on with each look."""

    def __init__(self, street, seed=1, rate_hz=6.0):
        self._street = street
        self._rng = np.random.default_rng(seed)
        self._step_s = 1.0 / rate_hz
        self._noise = np.rint(self._rng.normal(0.0, 2.0, (H, W, 3))).astype(np.int16)
        self.now_s = 1000.0
        self.knock_px = np.zeros(2)
        self.shake_px = 0.0
        self.light = 1.0
        self.zoom = 1.0

    def picture(self):
        sway = self.shake_px * np.sin(2 * np.pi * 0.7 * self.now_s + 0.3)
        x, y = self.knock_px + sway * np.array([1.0, 0.4]) + self._rng.normal(0.0, 0.2, 2)
        moved = np.array(
            [
                [self.zoom, 0.0, x - 100 + (1 - self.zoom) * (W / 2 + 100)],
                [0.0, self.zoom, y - 100 + (1 - self.zoom) * (H / 2 + 100)],
            ]
        )
        seen = cv2.warpAffine(self._street, moved, (W, H), flags=cv2.INTER_LINEAR)
        noise = np.roll(self._noise, self._rng.integers(0, 10_000))
        return cv2.add(cv2.convertScaleAbs(seen, alpha=self.light), noise, dtype=cv2.CV_8U)

    def show(self, steadiness, seconds, until=None):
        """How long until `until()` held, or None; every state on the way is yielded to no one."""
        began_s = self.now_s
        while self.now_s - began_s < seconds:
            self.now_s += self._step_s
            steadiness.see(self.picture(), self.now_s)
            if until is not None and until():
                return self.now_s - began_s
        return None


@pytest.fixture
def camera(street):
    return Camera(street)


@pytest.fixture
def steady(camera):
    """A camera that has been looked at for 15 s."""
    steadiness = Steadiness(SCENE)
    camera.show(steadiness, 15.0)
    assert steadiness.anchor is not None
    assert not steadiness.is_moved
    return steadiness


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-2.0, 2.0), (0.0, 12.0), (45.0, -20.0)])
def test_a_knock_is_known_within_ten_seconds_and_its_end_too(camera, steady, shift):
    camera.knock_px = np.array(shift)
    known_s = camera.show(steady, 10.0, until=lambda: steady.is_moved)
    assert known_s is not None
    camera.show(steady, 10.0)
    assert "px" in steady.detail
    assert steady.moved_px == pytest.approx(np.hypot(*shift), abs=0.4)
    camera.knock_px = np.zeros(2)
    assert camera.show(steady, 10.0, until=lambda: not steady.is_moved) is not None


@pytest.mark.parametrize(("seed", "rate_hz"), [(1, 2.5), (2, 2.5), (1, 6.0), (2, 10.0)])
def test_wind_that_shakes_by_five_pixels_is_no_knock(street, rate_hz, seed):
    camera = Camera(street, seed, rate_hz)
    camera.shake_px = 5.0
    steadiness = Steadiness(SCENE)
    assert camera.show(steadiness, 40.0, until=lambda: steadiness.is_moved) is None
    assert steadiness.anchor is not None


@pytest.mark.parametrize("rate_hz", [2.5, 6.0])
def test_a_knock_is_known_in_wind_that_shakes_by_five_pixels(street, rate_hz):
    camera = Camera(street, 3, rate_hz)
    camera.shake_px = 5.0
    steadiness = Steadiness(SCENE)
    camera.show(steadiness, 15.0)
    camera.knock_px = np.array([3.5, 0.0])
    assert camera.show(steadiness, 10.0, until=lambda: steadiness.is_moved) is not None


def test_a_move_of_a_pixel_is_none(camera, steady):
    camera.knock_px = np.array([1.2, 0.4])
    assert camera.show(steady, 40.0, until=lambda: steady.is_moved) is None


def test_a_changed_zoom_is_a_move(camera, steady):
    camera.zoom = 1.03
    assert camera.show(steady, 10.0, until=lambda: steady.is_moved) is not None


def test_dusk_is_no_move(camera, steady):
    for light in np.linspace(1.0, 0.25, 30):
        camera.light = light
        assert camera.show(steady, 2.0, until=lambda: steady.is_moved) is None


def test_another_view_is_told_and_suspends(street, camera, steady):
    camera._street = np.ascontiguousarray(street[::-1, ::-1])
    assert camera.show(steady, 10.0, until=lambda: steady.is_moved) is not None
    assert "another" in steady.detail
    camera._street = street
    assert camera.show(steady, 12.0, until=lambda: not steady.is_moved) is not None


def test_another_view_after_minutes_without_a_picture_is_told(street, camera, steady):
    camera.now_s += 300.0
    camera._street = cv2.flip(street, -1)
    assert camera.show(steady, 10.0, until=lambda: steady.is_moved) is not None
    assert steady.detail.startswith("the view is another")


def test_a_camera_knocked_between_two_watches_is_found_out(camera, steady):
    later = Steadiness(SCENE, steady.anchor)
    camera.knock_px = np.array([4.0, 1.0])
    assert camera.show(later, 10.0, until=lambda: later.is_moved) is not None


def test_a_camera_turned_away_between_two_watches_is_found_out(street, camera, steady):
    later = Steadiness(SCENE, steady.anchor)
    camera._street = cv2.flip(street, -1)
    assert camera.show(later, 10.0, until=lambda: later.is_moved) is not None
    assert later.detail.startswith("the view is another")
    camera._street = street
    assert camera.show(later, 12.0, until=lambda: not later.is_moved) is not None


@pytest.mark.parametrize("fog", [False, True])
def test_a_watch_that_begins_by_other_light_says_nothing(street, camera, steady, fog):
    later = Steadiness(SCENE, steady.anchor)
    camera.light = 0.25
    if fog:
        camera._street = cv2.addWeighted(street, 0.02, np.full_like(street, 200), 0.98, 0.0)
    assert camera.show(later, 20.0, until=lambda: later.is_moved) is None


def test_a_picture_without_corners_says_nothing():
    steadiness = Steadiness(SCENE)
    for step in range(200):
        steadiness.see(np.full((H, W, 3), 90, np.uint8), 0.2 * step)
    assert not steadiness.is_moved
    assert steadiness.anchor is None


def test_a_fence_that_repeats_is_not_taken_for_a_far_move():
    """Half of its look fades; the rest fits at every post."""
    fence = np.full((H, W, 3), 60, np.uint8)
    fence[::24, ::24] = fence[1::24, ::24] = fence[::24, 1::24] = 200
    fence = cv2.GaussianBlur(fence, (5, 5), 1.2)
    rng = np.random.default_rng(4)
    steadiness = Steadiness(SCENE)
    for step in range(240):
        seen = fence.copy()
        if step > 80:
            for _ in range(60):  # a compressor leaves parts of it out, now here, now there
                x, y = rng.integers(0, (W - 80, H - 60))
                seen[y : y + 60, x : x + 80] = 60
        steadiness.see(seen, 0.25 * step)
        assert not (steadiness.is_moved and "px" in steadiness.detail), step


def test_a_far_move_is_measured(camera, steady):
    camera.knock_px = np.array([-100.0, 40.0])
    assert camera.show(steady, 10.0, until=lambda: steady.is_moved) is not None
    camera.show(steady, 10.0)
    assert steady.moved_px == pytest.approx(np.hypot(100.0, 40.0), abs=0.5)


def test_a_view_kept_at_another_size_is_no_view(camera, steady):
    anchor = steady.anchor
    half = Reference(anchor.grey[::2, ::2], anchor.corners / 2, anchor.offset_px)
    assert Steadiness(SCENE, anchor).anchor is anchor
    again = Steadiness(SCENE, half)
    assert again.anchor is None
    camera.show(again, 15.0)
    assert again.anchor is not None
    assert not again.is_moved


@pytest.mark.parametrize("seed", range(3))
def test_a_mast_that_shakes_at_random_by_five_pixels_is_where_it_was(street, seed):
    camera, steadiness = Camera(street, seed), Steadiness(SCENE)
    rng = np.random.default_rng(seed)

    def jolted():
        camera.knock_px = rng.normal(0.0, 5.0 / np.sqrt(2.0), 2)
        return steadiness.is_moved

    assert camera.show(steadiness, 90.0, until=jolted) is None
