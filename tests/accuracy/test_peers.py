"""The formula that is written anew here, where it must be right: seen straight from above."""

import numpy as np
import pytest

from benchmarks.accuracy.peer_worker import frigate_speed

PX_A_M, FPS = 10.0, 25.0


@pytest.mark.parametrize("speed_mps", [5.0, 20.0])
def test_frigates_formula_is_exact_where_there_is_no_perspective(speed_mps: float) -> None:
    count = 40
    y_px = 700.0 - PX_A_M * speed_mps / FPS * np.arange(count)
    boxes = np.column_stack([np.full(count, 90.0), y_px - 40.0, np.full(count, 110.0), y_px])
    corners_m = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 80.0], [0.0, 80.0]])
    data = {
        "frame": np.arange(count),
        "frame_count": count,
        "track": np.full(count, 7),
        "xyxy_px": boxes,
        "source_px": PX_A_M * corners_m,
        "target_m": corners_m,
        "fps": FPS,
    }
    assert frigate_speed(data)["speeds"] == pytest.approx({7: 3.6 * speed_mps})
