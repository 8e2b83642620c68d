"""The words and numbers that the table and the page share."""

from traffic_ai.evaluate.intervals import Interval, Rate, Share, Spread
from traffic_ai.evaluate.report import Miss, Place
from traffic_ai.evaluate.summary import KindFigures, Summary

NONE = "–"  # noqa: RUF001 - a dash in a table
WITHOUT_TRUTH = "measured speeds without a true one beside them"


def percent(share: Share) -> str:
    """A share with its interval: 97.5 % (94.1-99.2)."""
    if share.value is None:
        return NONE
    return f"{_percent(share.value)} % ({_percent(share.low)}-{_percent(share.high)})"


def _percent(value: float) -> str:
    """One decimal, more where it would round to 0 or 100 and is not."""
    for digits in (1, 2, 3):
        text = f"{100.0 * value:.{digits}f}"
        if float(text) not in (0.0, 100.0) or value in (0.0, 1.0):
            return text
    return text


def counted(share: Share) -> str:
    """The count behind a share: 117 of 120."""
    return f"{share.count} of {share.of}"


def rate(value: Rate) -> str:
    """A rate with its interval: 0.3 (0.1-0.9)."""
    if value.per_hour is None or value.high is None:
        return NONE
    return f"{_plain(value.per_hour)} ({_plain(value.low)}-{_plain(value.high)})"


def _plain(value: float) -> str:
    """Two digits, never an exponent."""
    if value == 0.0:
        return "0"
    return f"{value:.0f}" if value >= 10.0 else f"{value:.2g}" if value >= 0.001 else f"{value:.3f}"


def signed(value: float, interval: Interval | None, unit: str = "") -> str:
    """An error with its sign and interval: +0.12 s (-0.05 to +0.30)."""
    told = f"{value:+z.2f} {unit}".rstrip()
    if interval is None:
        return told
    low, high = interval
    return f"{told} ({low:+z.2f} to {high:+z.2f})"


def sized(value: float, interval: Interval | None) -> str:
    """The size of an error with its interval: 2.31 (1.90-2.75)."""
    if interval is None:
        return f"{value:.2f}"
    low, high = interval
    return f"{value:.2f} ({low:.2f}-{high:.2f})"


def spread(value: Spread | None, unit: str) -> str:
    """Median with its interval, and largest size: +0.02 s (-0.01 to +0.05), at most 0.11."""
    if value is None:
        return NONE
    told = signed(value.median, value.median_interval, unit)
    return f"{told}, at most {value.largest:.2f}"


def kind_words(kind: str) -> str:
    """A kind for people."""
    return kind.replace("_", " ")


def scope(summary: Summary) -> str:
    """How much was looked at."""
    words = [f"{summary.duration_s:.0f} s of footage"]
    if summary.worlds > 1:
        words.insert(0, f"{summary.worlds} runs")
    if summary.vehicles:
        words.append(f"{summary.vehicles} vehicles, {summary.vehicle_hours:.3g} vehicle-hours")
    return ", ".join(words)


def particular(figures: KindFigures) -> str:
    """What matters of one kind beside its shares."""
    words = []
    if figures.red is not None:
        words.append(
            f"charged {spread(figures.red.error_s, 's')}; "
            f"above the true time: {counted(figures.red.over)}"
        )
    if figures.alarm is not None:
        alarm = f"alarm after {spread(figures.alarm.after_s, 's')}"
        words.append(f"{alarm}; within 1 s and 15 m: {counted(figures.alarm.in_time)}")
    if figures.wrong_lane:
        words.append(f"in the wrong lane: {figures.wrong_lane}")
    if figures.hidden_misses:
        words.append(f"of the missed, hidden by others: {figures.hidden_misses}")
    if figures.duplicates:
        words.append(f"reported twice: {figures.duplicates}")
    if figures.neither_way:
        words.append(f"counted neither way: {figures.neither_way}")
    return "; ".join(words)


def why_missed(miss: Miss) -> str:
    """The reason of the near miss, or that there was nothing to be seen."""
    return miss.near_miss or ("hidden by others" if miss.hidden else NONE)


def where(place: Place) -> str:
    """Which vehicle, in which lane."""
    vehicle = "" if place.vehicle is None else f" {place.vehicle}"
    return f"{place.road_user or 'vehicle'}{vehicle}, {place.lane_id or 'lane not known'}"
