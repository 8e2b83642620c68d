"""When a recording began: stated, named, noted in the container, or unknown."""

import os
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.made import steady, x264
from traffic_ai.core.errors import ConfigError, SourceError
from traffic_ai.core.frame import ClockSource
from traffic_ai.sources.start_time import from_name, start_time

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def clip(tmp_path):
    """Makes a 2 s clip with a name and a creation time."""

    def make(name="clip.mp4", created=None):
        metadata = {"creation_time": created} if created else {}
        return x264(tmp_path / name, steady(51), metadata=metadata)

    return make


def test_a_stated_start_comes_first(clip):
    path = clip("a13_201707211410.mp4", "2020-05-01T00:00:00Z")
    stated = datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=1)))
    start = start_time(path, given=stated, pattern="a13_%Y%m%d%H%M", time_zone=BERLIN)
    assert start.utc == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert (start.source, start.bound_s) == (ClockSource.GIVEN, 1.0)


def test_a_stated_start_without_offset_is_refused(clip):
    with pytest.raises(ConfigError, match="2026-03-02T08:00:00 has no UTC offset"):
        start_time(clip(), given=datetime(2026, 3, 2, 8))


def test_a_stated_start_that_is_none_in_utc_is_refused(clip):
    given = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ConfigError, match=r"0001-01-01T00:00:00\+01:00 is no time in UTC"):
        start_time(clip(), given=given)


@pytest.mark.parametrize(
    ("stem", "pattern", "utc", "bound_s"),
    [
        ("a13_201707211410", "a13_%Y%m%d%H%M", datetime(2017, 7, 21, 12, 10), 60.0),
        ("gate-2026-01-05_23-59-58-copy", "%Y-%m-%d_%H-%M-%S", datetime(2026, 1, 5, 22, 59, 58), 1),
        ("7_20260105235958", "%Y%m%d%H%M%S", datetime(2026, 1, 5, 22, 59, 58), 1.0),
        ("x 05 Jan 2026 11.07 PM", "%d %b %Y %I.%M %p", datetime(2026, 1, 5, 22, 7), 60.0),
        ("c_20260701T120000+0200", "%Y%m%dT%H%M%S%z", datetime(2026, 7, 1, 10), 1.0),
        ("50%_20260701", "50%%_%Y%m%d", datetime(2026, 6, 30, 22), 86400.0),
        ("99999999_20260105", "%Y%m%d", datetime(2026, 1, 4, 23), 86400.0),
    ],
)
def test_the_pattern_is_found_anywhere_in_the_name(stem, pattern, utc, bound_s):
    start = from_name(stem, pattern, BERLIN)
    assert start.utc == utc.replace(tzinfo=UTC)
    assert (start.source, start.bound_s) == (ClockSource.FILE_NAME, bound_s)


@pytest.mark.parametrize("stem", ["cam1", "120260105", "2026010512", "20261305", "20260230"])
def test_digits_that_are_no_date_or_part_of_a_longer_number_are_not_read(stem):
    assert from_name(stem, "%Y%m%d", UTC) is None


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda d: d.replace(microsecond=0))
)
def test_a_name_written_with_the_pattern_is_read_back_within_its_bound(local):
    start = from_name(f"gate_{local:%Y%m%d_%H%M%S}_x", "%Y%m%d_%H%M%S", BERLIN)
    true = [local.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC) for fold in (0, 1)]
    assert all(abs((moment - start.utc).total_seconds()) <= start.bound_s for moment in true)


@pytest.mark.parametrize(
    ("stem", "pattern"), [("00010101", "%Y%m%d"), ("00010101_000000+0100", "%Y%m%d_%H%M%S%z")]
)
def test_a_date_that_is_none_in_utc_is_not_read(stem, pattern):
    assert from_name(stem, pattern, BERLIN) is None


def test_an_hour_that_comes_twice_is_bounded_by_both_readings():
    start = from_name("2025-10-26_02-30", "%Y-%m-%d_%H-%M", BERLIN)
    assert start.utc == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert start.bound_s == 3660.0


def test_an_hour_that_never_comes_is_bounded_by_both_readings():
    start = from_name("2026-03-29_02-30", "%Y-%m-%d_%H-%M", BERLIN)
    assert start.utc == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert start.bound_s == 3660.0


def test_a_code_that_cannot_be_read_is_named(clip):
    with pytest.raises(ConfigError, match="%Q cannot be read from a file name"):
        start_time(clip(), pattern="%Y%Q")


def test_the_container_tells_with_a_bound_for_cameras_that_note_the_end(clip):
    start = start_time(clip(created="2026-05-01T03:00:00Z"), now=NOW)
    assert start.utc == datetime(2026, 5, 1, 3, tzinfo=UTC)
    assert start.source is ClockSource.CONTAINER
    assert start.bound_s == pytest.approx(1.0 + 2.04, abs=0.05)


def test_the_containers_bound_covers_local_time_written_as_utc(clip):
    start = start_time(clip(created="2026-05-01T03:00:00Z"), time_zone=BERLIN, now=NOW)
    assert start.bound_s == pytest.approx(7200.0 + 1.0 + 2.04, abs=0.05)


def test_a_name_without_the_pattern_leaves_it_to_the_container(clip):
    start = start_time(clip("other.mp4", "2026-05-01T03:00:00Z"), pattern="a13_%Y%m%d%H%M", now=NOW)
    assert start.source is ClockSource.CONTAINER


@pytest.mark.parametrize(
    "created",
    [
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2000-01-01T11:00:00Z",
        "2026-06-02T00:00:00Z",
    ],
)
def test_clocks_never_set_and_the_future_are_not_believed(clip, created):
    assert start_time(clip(created=created), now=NOW) is None


def test_a_creation_time_that_is_none_in_utc_is_not_believed(clip):
    path = clip("clip.flv", "2026-05-01T03:00:00.000000Z")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"2026-05-01T03:00:00.000000Z", b"0001-01-01T00:00:00.0+01:00"))
    assert path.read_bytes() != data
    assert start_time(path, now=NOW) is None


def test_the_files_own_dates_are_not_asked(clip):
    path = clip()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert start_time(path, now=NOW) is None


def test_what_is_no_video_is_said(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        start_time(tmp_path / "gone.mp4")
