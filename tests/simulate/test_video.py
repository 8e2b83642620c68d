"""The encoded file: stamps and declared rate as the scenario has them, bit rates as asked for."""

from pathlib import Path

import av
import numpy as np
import pytest

from traffic_ai.simulate.arrays import Picture
from traffic_ai.simulate.draw.video import encode
from traffic_ai.simulate.traffic.schema import TimingPart
from traffic_ai.simulate.traffic.view import timing_of
from traffic_ai.simulate.world import Look, Timing


def noisy(count: int) -> list[Picture]:
    random = np.random.default_rng(1)
    return list(random.integers(0, 255, (count, 120, 160, 3), dtype=np.uint8))


def test_jittered_stamps_and_a_wrong_declared_rate_stand_in_the_file(tmp_path: Path) -> None:
    given = {"duration_s": 4.0, "fps": 10.0, "jitter_s": 0.01, "dropped": 0.2, "declared_fps": 25.0}
    timing = timing_of(TimingPart.model_validate(given), np.random.default_rng(3))
    assert np.abs(timing.stamps_s - timing.t_s).max() > 0.01
    path = tmp_path / "video.mp4"
    encode(path, noisy(len(timing.t_s)), timing, Look())
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.framerate == 25
        stamps_s = [frame.time for frame in container.decode(stream)]
    assert stamps_s == pytest.approx(timing.stamps_s.tolist(), abs=1e-5)


@pytest.mark.parametrize("kbps", [100, 400])
def test_a_bit_rate_is_kept(tmp_path: Path, kbps: int) -> None:
    t_s = np.arange(40) / 10.0
    path = tmp_path / "video.mp4"
    encode(path, noisy(40), Timing(t_s, t_s, 10.0), Look(bitrate_kbps=kbps))
    assert path.stat().st_size * 8 / 4.0 / 1000 == pytest.approx(kbps, rel=0.5)
