import logging
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import CapturedAt, ClockSource, FrameInfo
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource
from traffic_ai.signals.feed import HOLDS_S, Feed, FeedLog, load_feed
from traffic_ai.signals.timeline import STATE_LIMIT

START = datetime(2024, 5, 1, 10, 0, 0, tzinfo=UTC)


def log(path: Path, text: str, group: str = "main") -> FeedLog:
    file = path / "log.csv"
    file.write_bytes(text.encode())
    return load_feed(file, group)


def info(t_s: float, bound_s: float | None = None) -> FrameInfo:
    captured = None
    if bound_s is not None:
        captured = CapturedAt(START + timedelta(seconds=t_s), ClockSource.GIVEN, bound_s)
    return FrameInfo("cam", round(t_s * 10), t_s, captured, 640, 360)


def shown(history: SignalHistory) -> list[tuple[Aspect, float, float]]:
    return [(s.aspect, round(s.since_s, 6), round(s.since_bound_s, 6)) for s in history.states]


SECONDS = "time,group,aspect\n2.0,main,green\n3.0,other,red\n5.5,main,yellow\n8.5,main,RED\n"


def test_seconds_of_the_recording_are_taken_as_they_are(tmp_path: Path) -> None:
    feed = Feed("g", log(tmp_path, SECONDS))
    assert shown(feed.read(info(1.0))) == [(Aspect.UNKNOWN, 1.0, math.inf)]
    assert feed.read(info(1.9)).at(1.9) == feed.read(info(1.95)).at(1.9)
    history = feed.read(info(100.0))
    assert shown(history)[1:] == [
        (Aspect.GREEN, 2.0, 0.0), (Aspect.YELLOW, 5.5, 0.0), (Aspect.RED, 8.5, 0.0)
    ]  # fmt: skip
    assert history.settled_until_s == 100.0
    assert {s.source for s in history.states} == {SignalSource.FEED}


def test_nothing_of_the_future_is_told(tmp_path: Path) -> None:
    feed = Feed("g", log(tmp_path, SECONDS))
    assert shown(feed.read(info(5.4))) == [(Aspect.GREEN, 2.0, 0.0)]


def test_wall_clock_times_carry_the_bound_of_the_frames_clock(tmp_path: Path) -> None:
    rows = (
        "time,group,aspect\n2024-05-01T12:00:02+02:00,main,yellow\n2024-05-01T10:00:05Z,main,red\n"
    )
    history = Feed("g", log(tmp_path, rows)).read(info(9.0, bound_s=0.5))
    assert shown(history) == [(Aspect.YELLOW, 2.5, 1.0), (Aspect.RED, 5.5, 1.0)]


def test_a_change_is_told_as_soon_as_it_may_have_happened(tmp_path: Path) -> None:
    rows = "time,group,aspect\n2024-05-01T10:00:00Z,main,red\n2024-05-01T10:00:20Z,main,green\n"
    feed = Feed("g", log(tmp_path, rows))
    before = feed.read(info(18.9, bound_s=1.0))
    assert shown(before) == [(Aspect.RED, 1.0, 2.0)]
    assert before.surely(before.states[0], 18.9)
    between = feed.read(info(19.1, bound_s=1.0))
    assert shown(between) == [(Aspect.RED, 1.0, 2.0), (Aspect.GREEN, 21.0, 2.0)]
    assert between.at(19.1) == between.states[0]
    assert between.surely(between.states[0], 18.9)
    assert not between.surely(between.states[0], 19.1)


def test_without_wall_clock_time_of_the_frames_it_is_unknown_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Feed("g", log(tmp_path, "time,group,aspect\n2024-05-01T10:00:02Z,main,red\n"))
    with caplog.at_level(logging.WARNING):
        for t_s in (0.0, 5.0, 9.0):
            assert [s.aspect for s in feed.read(info(t_s)).states] == [Aspect.UNKNOWN]
    assert [r.getMessage().count("start time") for r in caplog.records] == [1]


def test_a_repeated_state_is_one_state_and_the_history_is_bounded(tmp_path: Path) -> None:
    rows = "".join(f"{i},main,{('red', 'red', 'green')[i % 3]}\n" for i in range(600))
    history = Feed("g", log(tmp_path, "time,group,aspect\n" + rows)).read(info(700.0))
    assert len(history.states) == STATE_LIMIT
    assert history.states[-2:][0].since_s == 597.0


def test_a_byte_order_mark_blank_lines_other_columns_and_their_order_do_not_matter(
    tmp_path: Path,
) -> None:
    text = "\ufeffaspect, note ,time,group\r\nred,x,1.5,main\r\n\r\ngreen,,4,main\r\n"
    found = log(tmp_path, text)
    assert (found.at_s[:2], found.aspects[:2]) == ((1.5, 4.0), (Aspect.RED, Aspect.GREEN))
    assert not found.wall_clock


def test_a_state_is_unknown_once_nothing_of_any_group_was_logged_for_long(tmp_path: Path) -> None:
    rows = "time,group,aspect\n2,main,red\n50,other,green\n"
    feed = Feed("g", log(tmp_path, rows))
    assert feed.read(info(49.0 + HOLDS_S)).states[-1].aspect is Aspect.RED
    assert shown(feed.read(info(60.0 + HOLDS_S)))[-1] == (Aspect.UNKNOWN, 50.0 + HOLDS_S, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: no column time, group, aspect"),
        ("time,aspect\n1,red\n", r"line 1: no column group"),
        ("time;group;aspect\n1;main;red\n", r"line 1: .*commas, not semicolons"),
        ("time,group,aspect\n1,main,red\n2,main,purple\n", r"line 3: unknown aspect 'purple'"),
        ("time,group,aspect\n2,main,red\n1,main,green\n", r"line 3: time 1 is earlier"),
        ("time,group,aspect\n2,main,red\n2,main,green\n", r"line 3: time 2 is a second row"),
        ("time,group,aspect\nsoon,main,red\n", r"line 2: time 'soon' is neither"),
        ("time,group,aspect\nnan,main,red\n", r"line 2: time 'nan' is not a finite"),
        ("time,group,aspect\n2024-05-01T10:00:00,main,red\n", r"line 2: .*has no offset"),
        ("time,group,aspect\n1,main,red\n2024-05-01T10:00:00Z,main,red\n", r"line 3: .*mixed"),
        ("time,group,aspect\n1,main\n", r"line 2: 2 fields, the header has 3"),
        ('time,group,aspect\n1,main,"red\n', r"line \d: unexpected end"),
        ("time,group,aspect\n1,east,red\n2,west,red\n", r"no row for group 'main'.*east, west"),
        ("time,group,aspect\n", r"no row for group 'main'; groups: none"),
    ],
)
def test_a_faulty_log_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        log(tmp_path, text)


def test_a_log_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"time,group,aspect\n1,main,\xff\xfe\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_feed(tmp_path / "bad.csv", "main")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_feed(tmp_path / "none.csv", "main")


def test_a_log_of_endless_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traffic_ai.signals.feed.ROW_LIMIT", 100)
    rows = "".join(f"{i},main,red\n" for i in range(200))
    with pytest.raises(ConfigError, match="line 102: more than 100 rows"):
        log(tmp_path, "time,group,aspect\n" + rows)
