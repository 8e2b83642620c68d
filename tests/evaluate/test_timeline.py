"""The picture of a run in time: every violation and record has a bar of its own."""

import re
from itertools import combinations

from tests.evaluate.made import PARAMETERS, red_light, red_record, truth, vehicle
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.timeline import timeline


def bars(svg):
    """(left, top, right, bottom) of every bar."""
    found = re.findall(r'<rect class="\w+" x="([\d.]+)" y="([\d.]+)" rx="1.5" width="([\d.]+)" '
                       r'height="([\d.]+)"', svg)  # fmt: skip
    rows = [tuple(map(float, one)) for one in found]
    return [(x, y, x + width, y + height) for x, y, width, height in rows]


def test_bars_of_one_time_lie_above_each_other():
    cars = [vehicle(number, x_m=2.0 + 4.0 * number) for number in range(1, 5)]
    given = truth([red_light(car["id"], 2.0) for car in cars], cars)
    records = [red_record(2.0, car) for car in cars[:2]]
    svg = timeline(evaluate(records, [], given, PARAMETERS))
    assert svg is not None
    found = bars(svg)
    assert len(found) == 4 + 2
    for one, other in combinations(found, 2):
        apart = one[2] <= other[0] or other[2] <= one[0]
        assert apart or one[3] <= other[1] or other[3] <= one[1]
