"""Scripted vehicles: every move written in the scenario."""

from collections.abc import Iterator, Sequence

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.draw.catalogue import body
from traffic_ai.simulate.traffic.conduct import Unstoppable
from traffic_ai.simulate.traffic.drivers import Driver
from traffic_ai.simulate.traffic.layout import Layout, Turn
from traffic_ai.simulate.traffic.motion import Leg, Motion
from traffic_ai.simulate.traffic.schema import ScriptedPart

_LEAST_MPS = 0.1


def scripted(parts: Sequence[ScriptedPart], layout: Layout) -> Iterator[Driver]:
    """Their drivers. Raises ConfigError for a lane or model that is not there."""
    for number, part in enumerate(parts):
        if part.lane not in layout.lanes:
            raise ConfigError(
                f"vehicles[{number}].lane {part.lane!r} leads nowhere: there is no such lane; "
                f"there are {', '.join(layout.lanes)}"
            )
        lane = layout.lanes[part.lane]
        if part.wrong_way and Turn.WRONG_WAY not in lane.ways:
            raise ConfigError(f"vehicles[{number}]: wrong_way is for lanes of the main road")
        way = lane.ways[Turn.WRONG_WAY if part.wrong_way else Turn.THROUGH]
        place_m = lane.along(part.at_m)
        start_m = lane.path.length_m - place_m if part.wrong_way else place_m
        legs = tuple(Leg(leg.within_s, leg.speed_kmh / 3.6) for leg in part.legs)
        speed_mps = part.speed_kmh / 3.6
        yield Driver(
            id=0,
            body=body(part.model, part.colour),
            way=way,
            lane=lane,
            enters_s=part.at_s - start_m / max(speed_mps, _LEAST_MPS),
            wanted_mps=max(speed_mps, _LEAST_MPS),
            headway_s=1.5,
            standstill_m=2.0,
            pull_mps2=1.5,
            braking_mps2=2.0,
            line_gap_m=1.0,
            right_m=-part.right_m if part.wrong_way else part.right_m,
            conduct=Unstoppable(),
            deed="wrong_way" if part.wrong_way else "",
            script=Motion(part.at_s, start_m, speed_mps, legs),
        )
