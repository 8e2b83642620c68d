"""Tracks beside true vehicles: what counts, and what the scores are."""

import sys

import numpy as np
import pytest

from tests.evaluate.made import FRAME_S, truth, vehicle
from traffic_ai.core.errors import UsageError
from traffic_ai.evaluate.tracking import box_paths, judged_frames, score_tracks
from traffic_ai.stores.track_log import FrameTracks


def frames_of(*tracks):
    """Frames of tracks (number, vehicle, first and last frame in which it is followed)."""
    frames = []
    for index in range(60):
        seen = [
            (number, true["box_px"][index - true["first_frame"]])
            for number, true, first, last in tracks
            if first <= index <= last
        ]
        ids = np.array([number for number, _ in seen], np.int64)
        boxes = np.array([box for _, box in seen], float).reshape(-1, 4)
        frames.append(FrameTracks(index * FRAME_S, ids, boxes))
    return frames


def test_a_perfect_track_scores_full():
    pytest.importorskip("trackers")
    car = vehicle(1)
    scores = score_tracks(frames_of((5, car, 0, 59)), truth([], [car]))
    assert (scores.hota, scores.idf1, scores.mota) == pytest.approx((1.0, 1.0, 1.0))
    assert (scores.id_switches, scores.boxes) == (0, 60)


def test_a_change_of_number_costs():
    pytest.importorskip("trackers")
    car = vehicle(1)
    scores = score_tracks(frames_of((5, car, 0, 29), (6, car, 30, 59)), truth([], [car]))
    assert scores.id_switches == 1
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.deta == pytest.approx(1.0)


def test_no_tracks_at_all_score_nothing():
    pytest.importorskip("trackers")
    car = vehicle(1)
    scores = score_tracks(frames_of(), truth([], [car]))
    assert (scores.hota, scores.mota) == (0.0, 0.0)


def test_hidden_and_tiny_vehicles_count_neither_way():
    hidden = vehicle(1, visible=[0.2] * 60)
    tiny = vehicle(2, x_m=20.0)
    tiny["box_px"] = [[a, b, a + 12, b + 12] for a, b, _, _ in tiny["box_px"]]
    seen = vehicle(3, x_m=6.0)
    followed = frames_of((1, hidden, 0, 59), (2, tiny, 0, 59), (3, seen, 0, 59))
    given = truth([], [hidden, tiny, seen])
    for frame in judged_frames(followed, given):
        assert (frame.true_id.tolist(), frame.track_id.tolist()) == ([3], [3])


def test_what_is_not_in_the_picture_is_not_sought():
    car = vehicle(1)
    car["box_px"][10] = None
    car["visible"][11] = 0.0
    counts = [len(frame.true_id) for frame in judged_frames(frames_of(), truth([], [car]))]
    assert (counts[9], counts[10], counts[11], counts[12]) == (1, 0, 0, 1)


def test_tracks_come_together_by_their_number():
    car = vehicle(1)
    paths = box_paths(frames_of((5, car, 3, 7), (6, car, 8, 9)))
    assert paths[5].t_s == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert paths[6].xyxy_px.tolist() == car["box_px"][8:10]


def test_without_the_package_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackers.eval", None)
    car = vehicle(1)
    with pytest.raises(UsageError, match=r"traffic-ai\[evaluate\]"):
        score_tracks(frames_of((5, car, 0, 59)), truth([], [car]))
