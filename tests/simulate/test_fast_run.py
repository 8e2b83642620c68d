"""Worlds through tracker and rules without pictures."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulate.fast_worlds import driving, world
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import Violation, ViolationKind
from traffic_ai.simulate.fast.identities import Mixups
from traffic_ai.simulate.fast.run import FastOptions, FastRun, run_fast
from traffic_ai.simulate.fast.signals import KnownSignals, SignalView
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.world import Look, World

SPEED_KMH = 72.0


def run(of: World, seed: int = 1, options: FastOptions | None = None) -> FastRun:
    camera = world_camera(of)
    scene = camera.scene(of.camera.width_px, of.camera.height_px)
    return run_fast(of, scene, camera.rules, seed, options)


def found(of: FastRun, kind: ViolationKind) -> list[Violation]:
    return [f for f in of.findings if isinstance(f, Violation) and f.kind is kind]


def test_speeder_is_reported_with_his_speed() -> None:
    of = world([driving(1, 5.0, SPEED_KMH / 3.6, seconds=5.0)], seconds=6.0)
    (record,) = found(run(of), ViolationKind.SPEEDING)
    assert record.measurement.speed_kmh == pytest.approx(SPEED_KMH, abs=3.0)


def test_missing_frames_do_not_change_the_speed() -> None:
    of = world([driving(1, 5.0, SPEED_KMH / 3.6, seconds=5.0)], seconds=6.0)
    kept = np.random.default_rng(1).random(len(of.timing.t_s)) > 0.3
    timing = replace(of.timing, t_s=of.timing.t_s[kept], stamps_s=of.timing.stamps_s[kept])
    (record,) = found(run(replace(of, timing=timing)), ViolationKind.SPEEDING)
    assert record.measurement.speed_kmh == pytest.approx(SPEED_KMH, abs=3.0)


def test_who_runs_the_red_is_reported_and_who_has_green_is_not() -> None:
    vehicles = [driving(1, 5.0, 12.0, seconds=7.0)]
    red = world(vehicles, seconds=7.0, phases=((0.0, Aspect.GREEN), (0.8, Aspect.RED)))
    (record,) = found(run(red), ViolationKind.RED_LIGHT)
    front_s = (30.0 - 5.0 - vehicles[0].body.length_m / 2) / 12.0
    assert 0.3 < record.measurement.time_into_red_s <= front_s - 0.8
    assert not found(run(world(vehicles, seconds=7.0)), ViolationKind.RED_LIGHT)


def test_dark_lamps_make_no_red_light_record() -> None:
    red = world(
        [driving(1, 5.0, 12.0, seconds=7.0)],
        seconds=7.0,
        phases=((0.0, Aspect.GREEN), (0.8, Aspect.RED)),
    )
    assert not found(run(replace(red, look=Look(lamp_fault="dark"))), ViolationKind.RED_LIGHT)


@pytest.mark.parametrize("rate", [3.0, 5.0, 7.0])
def test_a_slow_machine_looks_no_more_often_than_it_can(rate: float) -> None:
    of = world([driving(1, 5.0, 20.0, seconds=5.0)], seconds=6.0)
    seconds = float(of.timing.t_s[-1] - of.timing.t_s[0])
    slow = run(of, options=FastOptions(most_looks_per_s=rate))
    assert slow.looks == pytest.approx(rate * seconds, abs=1.5)
    assert run(of).looks == len(of.timing.t_s)


def test_same_seed_same_findings() -> None:
    of = world([driving(1, 5.0, 20.0, seconds=5.0)], seconds=6.0)
    assert run(of, 4).findings == run(of, 4).findings
    assert run(of, 4).findings != run(of, 5).findings


def test_scene_of_another_picture_size_is_refused() -> None:
    of = world([driving(1, 5.0, 20.0)])
    camera = world_camera(of)
    with pytest.raises(ConfigError, match="640x360"):
        run_fast(of, camera.scene(640, 360), camera.rules, 1)


def test_lamp_is_known_to_have_changed_at_the_first_frame_that_shows_it() -> None:
    of = world([], fps=10.0, phases=((0.0, Aspect.GREEN), (1.03, Aspect.RED)))
    history = _history(of, SignalView.LAMPS, 2.0)
    red = history.at(1.5)
    assert red is not None
    assert (red.aspect, red.since_s, red.since_bound_s) == (
        Aspect.RED,
        pytest.approx(1.1),
        pytest.approx(0.1),
    )


def test_lamp_change_is_not_settled_before_the_reader_is_sure() -> None:
    of = world([], fps=10.0, phases=((0.0, Aspect.GREEN), (1.03, Aspect.RED)))
    history = _history(of, SignalView.LAMPS, 1.2)
    assert history.at(1.2).aspect is Aspect.GREEN
    assert history.settled_until_s < 1.1


def test_log_knows_the_moment_itself() -> None:
    of = world([], fps=10.0, phases=((0.0, Aspect.GREEN), (1.03, Aspect.RED)))
    red = _history(of, SignalView.LOG, 2.0).at(1.5)
    assert (red.since_s, red.since_bound_s) == (pytest.approx(1.03), 0.0)


def test_known_identities_give_one_track_a_vehicle() -> None:
    of = world([driving(1, 12.0, 8.0), driving(2, 25.0, 8.0)])
    assert len(run(of, options=FastOptions(mixups=Mixups())).tracks) == 2


def test_broken_identities_give_more_tracks_and_swaps_do_not() -> None:
    of = world([driving(1, 12.0, 8.0), driving(2, 25.0, 8.0)])
    assert len(run(of, options=FastOptions(mixups=Mixups(breaks_per_s=2.0))).tracks) > 3
    swapped = run(of, options=FastOptions(mixups=Mixups(swaps_per_s=2.0))).tracks
    assert len(swapped) == 2
    largest = max(float(np.abs(np.diff(t.anchor_px[:, 1])).max()) for t in swapped.values())
    plain = run(of, options=FastOptions(mixups=Mixups())).tracks
    assert largest > 5.0 * max(
        float(np.abs(np.diff(t.anchor_px[:, 1])).max()) for t in plain.values()
    )


def _history(of: World, view: SignalView, t_s: float):
    signals = KnownSignals(of, of.timing.t_s, of.timing.stamps_s, view)
    info = FrameInfo("fast", 0, t_s, None, 1280, 720)
    return signals.read(Frame(info, np.zeros((1, 1, 3), np.uint8)))["main"]
