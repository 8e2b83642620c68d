"""Single pictures of simulated roads: to try a detector on, where nothing of a real road may be."""

import numpy as np

from traffic_ai.simulate.arrays import Picture
from traffic_ai.simulate.draw.renderer import Renderer
from traffic_ai.simulate.traffic import load_scenario, make_world


def pictures(scenario: str, count: int, seed: int | None = None) -> list[Picture]:
    """`count` pictures (H, W, 3) BGR of a scenario, spread over its time.

    seed: other traffic of the same kind. The same arguments give the same pictures.
    """
    world = make_world(load_scenario(scenario), seed)
    moments = len(world.timing.stamps_s)
    places = np.linspace(0, moments, count + 2)[1:-1].astype(int)
    renderer = Renderer(world)
    return [renderer.draw(int(i)).picture for i in places]
