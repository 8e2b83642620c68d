"""Two lines and a surveyed length: speed without a road plane."""

from dataclasses import replace

import numpy as np
import pytest

from tests.road import PROVENANCE, Road, Vehicle, drive, near_misses, straight, through, violations
from traffic_ai.core.geometry import DirectedLine
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import SpeedSection
from traffic_ai.core.violation import SpeedMethod
from traffic_ai.rules.parameters import SpeedingParameters
from traffic_ai.rules.speeding import Speeding

ENTRY_M, EXIT_M = 18.0, 43.0


def sectioned(road, way=1, sections=((ENTRY_M, EXIT_M),)):
    """The road's scene with sections across its lane and no calibration."""
    camera = road.camera

    def line(y_m):
        a, b = camera.road([(0.0, y_m), (3.5, y_m)])
        ahead = camera.road([(0.0, y_m + way)])[0] - a
        return DirectedLine.towards(a, b, ahead)

    def section(near_m, far_m):
        first, last = (near_m, far_m)[::way]
        return SpeedSection("s", ("up",), line(first), line(last), far_m - near_m, 0.05)

    return replace(road.scene(), speed_sections=tuple(section(*ends) for ends in sections))


def run(*vehicles, way=1, sections=((ENTRY_M, EXIT_M),), **options):
    road = Road(lanes=[("up", 0.0, 3.5, way)], stop_y_m=None, calibrated=False)
    scene = sectioned(road, way, sections)

    def rules(_):
        return [Speeding(scene, PROVENANCE, SpeedingParameters())]

    return drive(road, vehicles, rules, **{"seconds": 9.0, **options})


@pytest.mark.parametrize("noise_px", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("way", [1, -1])
def test_the_speed_between_the_lines_is_found(noise_px, way):
    front = straight(1.75, way * 80.0 / 3.6, 12.0 if way > 0 else 60.0)
    (found,) = violations(
        run(Vehicle(front, RoadUser.CAR, (0.0, float(way))), way=way, noise_px=noise_px)
    )
    m = found.measurement
    assert m.method is SpeedMethod.SECTION
    assert m.baseline_m == 25.0
    assert abs(m.speed_kmh - 80.0) <= m.expanded_uncertainty_kmh
    assert abs(m.speed_kmh - 80.0) < 0.5 + 1.0 * noise_px
    assert m.expanded_uncertainty_kmh < 8.0
    assert dict(m.components_kmh)["section_length"] == pytest.approx(80 * 0.05 / 25, rel=0.05)


@pytest.mark.parametrize("fps", [6.0, 10.0])
def test_few_frames_a_second_are_interpolated(fps):
    (found,) = violations(run(Vehicle(straight(1.75, 80.0 / 3.6, 8.0)), fps=fps))
    assert found.measurement.speed_kmh == pytest.approx(80.0, abs=1.5)


@pytest.mark.parametrize(
    ("times_s", "reason"),
    [
        (np.r_[0.0:1.4:0.04, 2.0:9.0:0.04], "gap"),
        (np.r_[0.0:1.0:0.04, 1.0:9.0:0.45], "too_few_points"),
    ],
)
def test_a_line_that_was_passed_all_but_unseen_gives_no_speed(times_s, reason):
    findings = run(Vehicle(straight(1.75, 80.0 / 3.6, 12.0)), times_s=times_s)
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == [reason]


def test_of_several_sections_the_fastest_counts():
    path = through(1.75, (0.0, 12.0), (2.0, 34.0), (2.8, 49.0), (4.0, 75.0))
    (found,) = violations(run(Vehicle(path), sections=[(18.0, 28.0), (40.0, 60.0)]))
    assert found.measurement.baseline_m == 20.0
    assert found.measurement.speed_kmh > 65.0


def test_legal_drivers_leave_no_trace():
    assert run(Vehicle(straight(1.75, 45.0 / 3.6, 12.0)), noise_px=1.0) == []


def test_who_turns_off_before_the_second_line_is_not_measured():
    leaving = Vehicle(through(1.75, (0.0, 12.0), (1.0, 35.0), (1.4, 38.0), (9.0, 38.0)))
    assert run(leaving) == []


def test_the_wrong_direction_is_not_measured():
    assert run(Vehicle(straight(1.75, -22.0, 60.0), heading=(0.0, -1.0))) == []


def test_noise_about_the_line_before_driving_off_does_not_count():
    """Standing with the rear on the entry line; only the last passage starts the clock."""
    path = through(1.75, (0.0, 22.25), (6.0, 22.35), (8.0, 40.0), (9.5, 60.0), (11.0, 80.0))
    found = run(Vehicle(path), noise_px=1.5, seconds=12.0)
    assert not violations(found) or violations(found)[0].measurement.start_s > 5.0
    assert all(np.isfinite(f.t_s) for f in near_misses(found))
