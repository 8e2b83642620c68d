"""Display times out of stamps that are missing, repeated or out of order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.sources.stamps import LOOK_AHEAD, StampRepair


def repaired(stamps, look_ahead=LOOK_AHEAD):
    """The (item number, stamp, repaired) that come out, and the repair with its counts."""
    repair = StampRepair(look_ahead)
    out = [ready for n, stamp in enumerate(stamps) for ready in repair.push(n, stamp)]
    out += repair.flush()
    return [(ready.item, ready.stamp, ready.repaired) for ready in out], repair


def times(stamps, look_ahead=LOOK_AHEAD):
    return [stamp for _, stamp, _ in repaired(stamps, look_ahead)[0]]


rising = st.lists(st.integers(1, 5000), min_size=1, max_size=60).map(
    lambda steps: [sum(steps[: i + 1]) for i in range(len(steps))]
)


@given(rising)
def test_rising_stamps_are_left_alone(stamps):
    out, repair = repaired(stamps)
    assert out == [(n, stamp, False) for n, stamp in enumerate(stamps)]
    assert repair.repaired == repair.dropped_repeated == repair.dropped_unstamped == 0


@given(rising, st.integers(1, LOOK_AHEAD))
def test_stamps_of_b_pictures_stored_in_coding_order_are_sorted(stamps, group):
    # The picture shown last of a group is stored first, and carries the group's first stamp.
    permuted = []
    for at in range(0, len(stamps), group):
        part = stamps[at : at + group]
        permuted += [*part[1:], part[0]]
    out, repair = repaired(permuted)
    assert [stamp for _, stamp, _ in out] == stamps
    assert [item for item, _, _ in out] == list(range(len(stamps)))
    assert repair.repaired == sum(a != b for a, b in zip(permuted, stamps, strict=True))


@given(st.lists(st.none() | st.integers(-50, 400), max_size=80), st.integers(0, 10))
def test_whatever_comes_in_rising_stamps_come_out(stamps, look_ahead):
    out, repair = repaired(stamps, look_ahead)
    shown = [stamp for _, stamp, _ in out]
    assert all(a < b for a, b in pairwise(shown))
    assert [item for item, _, _ in out] == sorted(item for item, _, _ in out)
    assert all(stamp == stamps[item] for item, stamp, changed in out if not changed)
    dropped = repair.dropped_repeated + repair.dropped_unstamped
    assert len(out) + dropped == len(stamps)


def test_missing_stamps_lie_evenly_between_their_neighbours():
    out, _ = repaired([0, 40, None, None, 160, 200])
    assert [stamp for _, stamp, _ in out] == [0, 40, 80, 120, 160, 200]
    assert [changed for _, _, changed in out] == [False, False, True, True, False, False]


def test_pictures_without_stamp_at_the_ends_are_dropped():
    out, repair = repaired([None, None, 0, 40, None])
    assert [item for item, _, _ in out] == [2, 3]
    assert repair.dropped_unstamped == 3


def test_a_repeated_stamp_drops_the_later_picture():
    out, repair = repaired([0, 40, 40, 80, 80, 80, 120])
    assert [item for item, _, _ in out] == [0, 1, 3, 6]
    assert repair.dropped_repeated == 3


def test_a_stamp_that_jumps_back_once_is_interpolated():
    stamps = [40 * n for n in range(30)]
    stamps[15] = -7000
    out, repair = repaired(stamps)
    assert [stamp for _, stamp, _ in out] == [40 * n for n in range(30)]
    assert repair.repaired == 1


def test_a_jump_forward_is_kept():
    stamps = [0, 40, 80, 90_000, 90_040, 90_080, *range(90_120, 91_000, 40)]
    assert times(stamps) == stamps


def test_after_a_wrong_stamp_far_ahead_the_right_ones_come_back():
    stamps = [40 * n for n in range(40)]
    stamps[10] = 1_000_000
    out, _ = repaired(stamps)
    recovered = out[10 + LOOK_AHEAD + 2 :]
    assert recovered == [(n, 40 * n, False) for n in range(10 + LOOK_AHEAD + 2, 40)]
    # Until then the times are off by no more than a picture, and said to be repaired.
    assert all(abs(stamp - 40 * item) <= 40 for item, stamp, _ in out)
    assert all(changed for item, stamp, changed in out if stamp != 40 * item)


def test_a_clock_that_restarts_yields_nothing_more():
    out, repair = repaired([*range(0, 4000, 40), *range(0, 4000, 40)])
    assert len(out) == 100
    assert repair.dropped_unstamped + repair.dropped_repeated == 100


def test_without_look_ahead_nothing_is_held_back():
    repair = StampRepair(0)
    assert [ready.stamp for ready in repair.push("a", 5)] == [5]
    assert list(repair.push("b", 5)) == []
    assert list(repair.push("c", 3)) == []
    assert list(repair.push("d", None)) == []
    assert [ready.item for ready in repair.push("e", 6)] == ["e"]
    assert (repair.dropped_repeated, repair.dropped_unstamped) == (1, 2)
