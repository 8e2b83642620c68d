"""Peers' formulas where they must be right, seen straight from above, and what they are held to."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.accuracy.peer_worker import frigate_speed, supervision_speed
from benchmarks.accuracy.peers import speed_errors
from tests.evaluate.made import path, truth, vehicle

PX_A_M, FPS = 10.0, 25.0


def driven_up(y_px: np.ndarray) -> dict[str, object]:
    """A track whose lower edge goes up the picture, one place a frame."""
    count = len(y_px)
    corners_m = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 80.0], [0.0, 80.0]])
    return {
        "t_s": 3.0 + np.arange(count) / FPS,
        "frame": np.arange(count),
        "frame_count": count,
        "track": np.full(count, 7),
        "xyxy_px": np.column_stack(
            [np.full(count, 90.0), y_px - 40.0, np.full(count, 110.0), y_px]
        ),
        "source_px": PX_A_M * corners_m,
        "target_m": corners_m,
        "fps": FPS,
    }


@pytest.mark.parametrize("speed_mps", [5.0, 20.0])
def test_frigates_formula_is_exact_where_there_is_no_perspective(speed_mps: float) -> None:
    data = driven_up(700.0 - PX_A_M * speed_mps / FPS * np.arange(40))
    # The last ten movements: from the frame before them to the last.
    assert frigate_speed(data)["speeds"][7] == pytest.approx([3.6 * speed_mps, 4.16, 4.56])


def test_supervisions_example_measures_from_the_first_to_the_last_frame_in_its_zone() -> None:
    pytest.importorskip("supervision")
    # 20 m/s; the zone begins at 800 px, five frames on.
    data = driven_up(840.0 - PX_A_M * 20.0 / FPS * np.arange(40))
    speed_kmh, start_s, end_s = supervision_speed(data)["speeds"][7]
    assert 60.0 < speed_kmh < 72.0
    assert (start_s, end_s) == pytest.approx((3.2, 4.56), abs=0.05)


def test_a_peer_is_held_to_the_true_mean_in_the_time_it_measured() -> None:
    faster = vehicle(1)
    y_m = [10.0 * t + 1.5 * t * t for t in (i * 0.1 for i in range(60))]
    faster |= {"ground_m": [[2.0, y] for y in y_m]}
    seen = path(faster)
    track = SimpleNamespace(t_s=seen.t_s, xyxy_px=seen.xyxy_px, observed=np.full(60, True))
    driven = SimpleNamespace(run=SimpleNamespace(tracks={7: track}))
    ((measured, true),) = speed_errors({"7": [50.0, 1.0, 2.0]}, driven, truth([], [faster]))
    assert (measured, true) == (50.0, pytest.approx((y_m[20] - y_m[10]) * 3.6))
