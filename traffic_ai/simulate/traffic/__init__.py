"""Traffic: a scenario file becomes a world of vehicles, signals and a camera."""

from traffic_ai.simulate.traffic.build import make_world
from traffic_ai.simulate.traffic.load import load_scenario, packaged_names
from traffic_ai.simulate.traffic.schema import Scenario

__all__ = ["Scenario", "load_scenario", "make_world", "packaged_names"]
