"""An explanation as one HTML page that holds by itself: no script, nothing fetched."""

import base64
from collections.abc import Iterator
from html import escape

from traffic_ai.audit.explain import Explained, facts
from traffic_ai.audit.explain_charts import lamp_svg, speed_svg
from traffic_ai.audit.explain_speed import speed_curve
from traffic_ai.audit.explain_still import still_svg
from traffic_ai.audit.explain_svg import Moment, TimeAxis
from traffic_ai.core.decision import Decision
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import (
    RedLightMeasurement,
    SpeedMeasurement,
    StopOverLineMeasurement,
    Violation,
    WrongWayMeasurement,
)
from traffic_ai.evidence.condition_words import condition_words
from traffic_ai.evidence.encryption import Reader
from traffic_ai.evidence.words import one_line

# A vehicle may have been in sight for minutes; the charts show what led to the violation.
_BEFORE_S, _AFTER_S = 8.0, 3.0
# And where it is not too long ago, the change to red with some of the yellow before it.
_YELLOW_S, _LONGEST_BEFORE_S = 4.0, 20.0
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1000px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.25em; } h2 { font-size: 1.05em; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3em .7em .3em 0; border-bottom: 1px solid #ddd;
  vertical-align: top; overflow-wrap: anywhere; }
th { white-space: nowrap; }
td.no { color: #b00; font-weight: bold; } td.yes { color: #170; }
td.no, td.yes { white-space: nowrap; overflow-wrap: normal; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 13px; fill: #222; }
svg.still { background: #333; }
.lane { fill: rgba(0,200,255,.10); stroke: rgba(0,200,255,.6); }
.stop { stroke: #fff; stroke-width: .35%; } .second { stroke: #fff; stroke-dasharray: 1.2% .8%; }
.driven { fill: none; stroke: #ffe000; stroke-width: .25%; }
.ahead { fill: none; stroke: #ffe000; stroke-width: .1%; }
.seen { fill: #ffe000; stroke: none; } .covered { fill: none; stroke: #ffe000; }
.box { fill: none; stroke: #f22; stroke-width: .25%; }
.axis { stroke: #444; } .grid { stroke: #e6e6e6; } .mark { stroke: #222; stroke-dasharray: 3 3; }
.during { fill: rgba(0,0,0,.10); } .doubt { fill: rgba(255,255,255,.55); stroke: #333; }
.band { fill: rgba(31,119,180,.20); } .speed { fill: none; stroke: #1f77b4; stroke-width: 2; }
.measured { fill: rgba(214,39,40,.22); } .mean { stroke: #d62728; stroke-width: 2; }
.limit { stroke: #333; stroke-width: 2; stroke-dasharray: 8 4; }
.aspect { fill: #ddd; } .aspect.red { fill: #e05555; } .aspect.red_yellow { fill: #f08a3c; }
.aspect.yellow { fill: #f5c842; } .aspect.green { fill: #58b558; } .aspect.dark { fill: #888; }
.aspect.flashing_red { fill: #f2aaaa; } .aspect.flashing_yellow { fill: #fae3a0; }
p.note { color: #555; }
"""


def page(explained: Explained, reader: Reader | None = None) -> str:
    """The whole page. reader: opens an encrypted still; without it, one is not shown."""
    title = one_line(explained.violation)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *_drawings(explained, reader),
        "<h2>Reported because all of this was so</h2>",
        *_conditions(explained.violation),
        "<h2>Record</h2>",
        *_facts(explained),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _drawings(explained: Explained, reader: Reader | None) -> Iterator[str]:
    decision, scene, violation = explained.decision, explained.scene, explained.violation
    if decision is None or scene is None:
        yield f'<p class="note">Nothing can be drawn: {escape(explained.lacking)}</p>'
        return
    uri, at_s, missing = _still(explained, reader)
    points = decision.vehicle.points
    yield still_svg(uri, scene, violation.lane_id, points, at_s)
    across = "White: the stop line, dashed the second line."
    if not any(violation.lane_id in stop.lane_ids for stop in scene.stop_lines):
        across = "No stop line lies across this lane."
    yield (
        f'<p class="note">Picture of {at_s:.2f} s. Yellow: the way of the middle of the '
        "vehicle's lower edge, solid as far as it had been driven; hollow dots where that edge was "
        f"covered or cut off. {across}</p>"
    )
    if missing:
        yield f'<p class="note">The picture is not shown: {escape(missing)}</p>'
    axis = _axis(decision, violation)
    moments = [moment for moment in _moments(violation) if moment.end_s >= axis.start_s]
    signal = explained.signal
    if signal is not None and signal.states:
        yield f"<h2>Signal {escape(signal.group_id)}</h2>"
        yield lamp_svg(signal, axis, moments)
        yield (
            '<p class="note">Whitened: the time within which the change may have happened; the '
            "latest moment counts.</p>"
        )
    yield from _speed(decision, scene, violation, axis, moments)


def _speed(
    decision: Decision, scene: Scene, violation: Violation, axis: TimeAxis, moments: list[Moment]
) -> Iterator[str]:
    curve = speed_curve(decision.vehicle.points, scene.homography, violation.road_user)
    yield "<h2>Speed over the pass</h2>"
    if curve is None:
        yield '<p class="note">Not known: no road plane, or too few sightings on it.</p>'
        return
    measurement = violation.measurement
    measured = measurement if isinstance(measurement, SpeedMeasurement) else None
    limit_kmh = scene.lane(violation.lane_id).limit_kmh(violation.road_user)
    shown = moments if measured is None else []
    yield speed_svg(curve, axis, shown, measured, limit_kmh)
    told = "" if measured is None else " Red: the speed reported, over the stretch it was measured."
    yield (
        '<p class="note">Blue: the speed about each moment (0.8 s), with twice its standard '
        f"uncertainty from box noise alone.{told}</p>"
    )


def _axis(decision: Decision, violation: Violation) -> TimeAxis:
    """From the vehicle's appearance, or the change to red before it, to its end."""
    t_s = decision.vehicle.points.t_s
    first_s, last_s = min(violation.stills_s), max(violation.stills_s)
    start_s = max(float(t_s[0]), first_s - _BEFORE_S)
    if isinstance(violation.measurement, RedLightMeasurement | StopOverLineMeasurement):
        red_s = violation.measurement.red_since_s - _YELLOW_S
        start_s = min(start_s, max(red_s, first_s - _LONGEST_BEFORE_S))
    return TimeAxis(start_s, max(min(float(t_s[-1]), last_s + _AFTER_S), start_s + 0.5))


def _moments(violation: Violation) -> Iterator[Moment]:
    """The moments a rule speaks of."""
    match violation.measurement:
        case RedLightMeasurement() as m:
            yield Moment(m.red_since_s, m.red_since_s, "red, at the latest")
            yield Moment(m.front_earliest_s, m.front_latest_s, "front crosses the line")
            crossing_s, bound_s = m.observed_crossing_s, m.observed_crossing_bound_s
            yield Moment(
                crossing_s - bound_s, crossing_s + bound_s, f"{m.observed_end.value} crosses it"
            )
        case StopOverLineMeasurement() as m:
            yield Moment(m.red_since_s, m.red_since_s, "red, at the latest")
            yield Moment(violation.t_s, violation.t_s + m.standing_s, "stands over the line")
        case WrongWayMeasurement() as m:
            yield Moment(m.onset_s, m.confirmed_s, "against the direction, until certain")
        case SpeedMeasurement() as m:
            yield Moment(m.start_s, m.end_s, "measured")


def still_problem(explained: Explained, reader: Reader | None) -> str:
    """Why the page shows no picture, or ""."""
    return _still(explained, reader)[2]


def _still(explained: Explained, reader: Reader | None) -> tuple[str | None, float, str]:
    """The picture at the violation as a data URI, its moment, and why there is none.

    Another still if need be.
    """
    package, missing = explained.package, "the package holds no still"
    try:
        moments = dict(package.stills())
    except EvidenceError as error:
        moments, missing = {}, str(error)
    for name in ("at.jpg", "before.jpg", "after.jpg"):
        if name not in moments:
            continue
        try:
            data = package.original(name, reader)
        except (EvidenceError, OSError) as error:
            missing = str(error)
            continue
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", moments[name], ""
    return None, moments.get("at.jpg", explained.violation.stills_s[1]), missing


def _conditions(violation: Violation) -> Iterator[str]:
    heads = "".join(f"<th>{name}</th>" for name in ("", "condition", "measured", "asked", "margin"))
    yield f"<table><tr>{heads}</tr>"
    for condition in violation.explanation:
        told = condition_words(condition)
        met = "yes" if told.met else "no"
        cells = (told.what, told.measured, told.asked, told.margin)
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        yield f'<tr><td class="{met}">{met}</td>{row}</tr>'
    yield "</table>"


def _facts(explained: Explained) -> Iterator[str]:
    yield "<table>"
    for name, value in facts(explained):
        yield f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
    yield "</table>"
