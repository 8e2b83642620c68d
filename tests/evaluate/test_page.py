"""The page and the tables of an evaluation: what they show of many readings and of few."""

import io
import re

import pytest
from rich.console import Console

from tests.evaluate.made import PARAMETERS, hand_made, red_light, speed_record, speeding
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.page import page
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.table import print_report


def judged(count, step_kmh, name="made"):
    """Speeds from 60 km/h on, each a little off, and one crossing that was missed."""
    true = [speeding(None, 3.0 * i, 60.0 + step_kmh * i, lasts_s=1.0) for i in range(count)]
    records = [
        speed_record(one["t_s"], one["until_s"], one["speed_kmh"] + 0.5, id=f"{one['t_s']}")
        for one in true
    ]
    given = hand_made([*true, red_light(None, 2.0)], duration_s=400.0, name=name)
    return evaluate(records, [], given, PARAMETERS)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_what_is_drawn_lies_within_the_picture(count):
    html = page(judged(count, step_kmh=5.0), "page")
    svgs = list(re.finditer(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)".*?</svg>', html))
    assert svgs
    for svg in svgs:
        width, height = float(svg[1]), float(svg[2])
        for points in re.findall(r'points="([^"]*)"', svg[0]):
            assert points
            for x, y in (map(float, point.split(",")) for point in points.split()):
                assert 0.0 <= x <= width
                assert 0.0 <= y <= height - 40.0  # the axis stands below


@pytest.mark.parametrize(("count", "shaded"), [(2, False), (40, True)])
def test_nothing_is_shaded_between_few_readings(count, shaded):
    assert ('class="band"' in page(judged(count, step_kmh=1.0), "page")) == shaded


def test_columns_in_which_nothing_stands_are_left_out():
    one, other = judged(1, 1.0, "first"), judged(1, 1.0, "second")
    alone, both = page(one, "page"), page(Report.merge([one, other]), "page")
    assert "<th>deed</th>" not in alone
    assert "<th>run</th>" not in alone
    assert "<th>run</th>" in both
    assert "<td>second</td>" in both


def test_errors_are_told_with_their_intervals():
    html = page(judged(40, 1.0), "page")
    assert "<td>+0.50 (+0.50 to +0.50)</td>" in html


def test_in_a_narrow_terminal_no_figure_is_cut():
    said = Console(width=80, file=io.StringIO(), highlight=False)
    print_report(judged(40, 1.0), said)
    assert "…" not in said.file.getvalue()
