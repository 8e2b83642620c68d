"""Whether boxes keep the size of one whole vehicle."""

import numpy as np
import pytest

from traffic_ai.rules.box_size import whole, whole_of_one_size


def boxes(heights_px, width_px=100.0):
    heights = np.asarray(heights_px, float)
    n = len(heights)
    return np.column_stack([np.zeros(n), 500.0 - heights, np.full(n, width_px), np.full(n, 500.0)])


def kept(heights_px):
    return whole(boxes(heights_px), np.full(len(heights_px), 0.02)).tolist()


def test_boxes_of_one_size_are_whole():
    assert all(kept([80.0] * 30))


def test_what_is_cut_short_for_good_is_not_whole():
    assert kept([80.0] * 20 + [50.0] * 10) == [True] * 20 + [False] * 10


@pytest.mark.parametrize("count", [3, 4, 5, 6])
@pytest.mark.parametrize("height_px", [50.0, 115.0])
def test_a_box_that_is_another_for_a_moment_leaves_the_rest_whole(count, height_px):
    """Neither what hides a vehicle for a moment nor a box round two of them."""
    result = kept([80.0] * 20 + [height_px] * count + [80.0] * 20)
    assert all(result[:18])
    assert all(result[20 + count + 2 :])


def test_of_who_came_nearer_unseen_the_height_tells_nothing():
    """Nearer the camera sees more of the length; at the same place something covers the rest."""
    seen = boxes([80.0] * 20 + [115.0] * 10)
    nearer = np.array([0.05] * 20 + [0.02] * 10)
    seen[20:, 2] *= 2.5
    seen[20:, 1] = 500.0 - 2.5 * 115.0
    assert whole(seen, nearer).all()
    assert not whole(boxes([115.0] * 20 + [80.0] * 10), np.full(30, 0.02))[20:].any()
    narrower = seen.copy()
    narrower[20:, 2] /= 1.5
    assert not whole_of_one_size(0.1 * np.arange(30), narrower, nearer).all()


def test_steady_growth_is_no_step():
    assert all(kept(80.0 * np.exp(0.03 * np.arange(40))))


def test_who_is_uncovered_little_by_little_is_whole_again_from_its_former_height_on():
    """One step down, and a way back that has none."""
    back = 55.0 * np.exp(0.03 * np.arange(13))
    result = kept([80.0] * 20 + [55.0] * 10 + back.tolist() + [80.0] * 15)
    assert all(result[:20])
    assert all(result[-15:])
    assert not any(result[21:35])


@pytest.mark.parametrize("unseen_s", [0.0, 0.6])
def test_where_the_upper_edge_alone_steps_the_box_held_one_behind(unseen_s):
    """Far away two are in one box, which then is no taller than the nearer one by itself."""
    t_s = 0.1 * np.arange(35) + unseen_s * (np.arange(35) >= 14)
    both = boxes([115.0] * 14 + [80.0] * 21) + 20.0 * t_s[:, None] * [0.0, 1.0, 0.0, 1.0]
    assert whole_of_one_size(t_s, both, np.full(35, 0.02))[14:].all()


@pytest.mark.parametrize("edge", [1, 3], ids=["upper", "lower"])
def test_a_box_that_shrinks_little_by_little_and_is_itself_again_at_once_is_of_one_vehicle(edge):
    """So those before, fewer than those after, are measured too."""
    t_s = 0.1 * np.arange(46)
    lost_px = np.r_[np.zeros(14), 5.0, 10.0, 15.0, 20.0, np.full(6, 25.0), np.zeros(22)]
    seen = boxes([80.0] * 46) + 20.0 * t_s[:, None] * [0.0, 1.0, 0.0, 1.0]
    seen[:, edge] += lost_px if edge == 1 else -lost_px
    result = whole_of_one_size(t_s, seen, np.full(46, 0.02))
    assert result[:14].all()
    assert result[25:].all()
    if edge == 3:
        assert not result[18:23].any()


@pytest.mark.parametrize("unseen_s", [0.0, 0.6])
def test_where_the_lower_edge_steps_what_covers_it_is_left_out(unseen_s):
    t_s = 0.1 * np.arange(35) + unseen_s * (np.arange(35) >= 14)
    covered = boxes([80.0] * 14 + [50.0] * 21) + 20.0 * t_s[:, None] * [0.0, 1.0, 0.0, 1.0]
    covered[14:, [1, 3]] -= 30.0
    result = whole_of_one_size(t_s, covered, np.full(35, 0.02))
    assert result[:14].all()
    assert not result[14:].any()


@pytest.mark.parametrize("at", [0, 1, 12, 29])
@pytest.mark.parametrize(("wide", "high"), [(0.6, 1.0), (1.0, 1.3), (1.3, 1.3)])
def test_a_single_box_of_another_size_is_left_out(at, wide, high):
    """One round a part of the vehicle, or round two: where it ends is not where the others do."""
    seen = boxes([80.0] * 30)
    seen[at] = boxes([80.0 * high], 100.0 * wide)[0]
    result = whole_of_one_size(0.1 * np.arange(30), seen, np.full(30, 0.02))
    assert np.flatnonzero(~result).tolist() == [at]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_boxes_of_another_size_at_an_end_are_left_out(count):
    """Fewer than make a run: nothing else tells that they are another's."""
    seen = boxes([105.0] * count + [80.0] * 12)
    result = whole_of_one_size(0.1 * np.arange(len(seen)), seen, np.full(len(seen), 0.02))
    assert result.tolist() == [False] * count + [True] * 12


def test_what_the_upper_border_cuts_off_is_no_other_box():
    """Who drives out of the picture above keeps his lower edge to the last."""
    seen = boxes([80.0] * 30) - 15.0 * np.arange(30)[:, None] * [0.0, 1.0, 0.0, 1.0]
    seen[:, 1] = np.maximum(seen[:, 1], 0.0)
    assert seen[-1, 3] - seen[-1, 1] < 70.0
    assert whole_of_one_size(0.1 * np.arange(30), seen, np.full(30, 0.02)).all()


def test_trembling_and_growing_boxes_are_all_of_one_vehicle():
    random = np.random.default_rng(3)
    heights = 80.0 * np.exp(0.03 * np.arange(40) + random.normal(0.0, 0.04, 40))
    assert whole_of_one_size(0.1 * np.arange(40), boxes(heights), np.full(40, 0.02)).all()
