"""Black and frozen pictures, told from night and from a quiet street."""

import numpy as np
import pytest

from traffic_ai.sources.live_status import CameraState
from traffic_ai.watch.still_picture import StillPicture

W, H = 640, 360


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def street(rng):
    rough = rng.integers(30, 220, (H // 20, W // 20, 3)).astype(np.uint8)
    return np.kron(rough, np.ones((20, 20, 1), np.uint8))


def driven(picture, t_s):
    """With a vehicle on it."""
    seen = picture.copy()
    x = int(t_s * 8.0) % (W - 40)
    seen[200:220, x : x + 40] = 255
    return seen


def noisy(picture, rng, level):
    # Nothing but every seventh point is looked at.
    noise = np.zeros(picture.shape)
    noise[::7, ::7, 1] = rng.normal(0.0, level, noise[::7, ::7, 1].shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def watch(still, picture_at, begin_s, end_s, step_s=0.2):
    """(moment, state) of each change of state."""
    changes, before = [], still.state
    for t_s in np.arange(begin_s, end_s, step_s):
        still.see(picture_at(t_s), t_s)
        if still.state is not before:
            changes.append((t_s, still.state))
            before = still.state
    return changes


def test_a_frozen_picture_is_known_within_thirty_seconds_and_its_end_at_once(rng):
    still, picture = StillPicture(), street(rng)
    live = watch(still, lambda t: noisy(driven(picture, t), rng, 1.5), 0.0, 40.0)
    assert live == []
    # Compressed again and again, it is not quite the same.
    [(known_s, state)] = watch(still, lambda t: noisy(picture, rng, 1.0), 40.0, 75.0)
    assert state is CameraState.FROZEN
    assert known_s - 40.0 < 30.0
    assert "stands still" in still.detail
    [(ended_s, state)] = watch(still, lambda t: noisy(driven(picture, t), rng, 1.0), 75.0, 80.0)
    assert state is CameraState.LIVE
    assert ended_s - 75.0 <= 0.5


@pytest.mark.parametrize("level", [0.0, 9.0, 30.0, 128.0])
def test_a_black_or_even_picture_is_known_within_thirty_seconds(rng, level):
    still = StillPicture()
    dull = np.full((H, W, 3), level)
    [(known_s, state), *_] = watch(still, lambda t: noisy(dull, rng, 1.0), 0.0, 30.0)
    assert (state, known_s < 30.0) == (CameraState.BLACK, True)
    assert still.detail


def test_a_night_with_a_few_lamps_is_not_black(rng):
    still, night = StillPicture(), np.full((H, W, 3), 8.0)
    for x, y in ((50, 60), (300, 80), (500, 70)):
        night[y : y + 24, x : x + 24] = 240.0
    states = [state for _, state in watch(still, lambda t: noisy(night, rng, 1.5), 0.0, 60.0)]
    assert CameraState.BLACK not in states


def test_a_vehicle_in_a_picture_without_noise_keeps_it_from_counting_as_frozen(rng):
    picture = street(rng)
    assert watch(StillPicture(), lambda t: driven(picture, t), 0.0, 60.0) == []
