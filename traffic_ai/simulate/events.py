"""What truly happens in a world: line crossings, stands, ways against the direction, speeds.

Found from the vehicles' courses by root finding; states physics only. Grace times, tolerances and
least distances are the rules' business.
"""

from collections.abc import Iterator

import numpy as np

from traffic_ai.simulate.event import STEP_S, Event
from traffic_ai.simulate.lane_events import along_lanes
from traffic_ai.simulate.line_events import at_line
from traffic_ai.simulate.world import Vehicle, World

# A course is followed so long after the last frame, to know what became of it.
_AFTER_S = 3.0


def violations(world: World) -> list[Event]:
    """Every violation of a world within its video, in order of time."""
    found = [
        event
        for vehicle in world.vehicles
        if len(vehicle.course.t_s) > 2
        for event in _of_vehicle(world, vehicle)
    ]
    return sorted(found, key=lambda event: (event.t_s, event.vehicle.id))


def _of_vehicle(world: World, vehicle: Vehicle) -> Iterator[Event]:
    course = vehicle.course
    first_s, end_s = course.start_s, min(course.end_s, float(world.timing.t_s[-1]) + _AFTER_S)
    if end_s - max(first_s, -STEP_S) < 2 * STEP_S:
        return
    t_s = np.linspace(first_s, end_s, int((end_s - first_s) / STEP_S) + 2)
    poses = course.poses(t_s)
    programs = {program.group_id: program for program in world.signals}
    for line in world.road.stop_lines:
        yield from at_line(world, vehicle, line, programs[line.group_id], t_s, poses)
    yield from along_lanes(world, vehicle, t_s, poses)
