"""What the tracker computes for all tracks and boxes at once is what the plain formula gives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from tests.road import HEIGHT_PX, WIDTH_PX, Road
from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.tracking import TrackerParameters, motion
from traffic_ai.tracking.association import assign
from traffic_ai.tracking.boxes import (
    COVERED_SHARE,
    DOUBLE_LOWER,
    DOUBLE_SHARE,
    areas,
    is_covered,
    shared_area,
    touching,
)
from traffic_ai.tracking.candidates import Expected, candidates
from traffic_ai.tracking.fit import weigh
from traffic_ai.tracking.found import Seen
from traffic_ai.tracking.live import LiveTracks
from traffic_ai.tracking.plane import MotionPlanes

seeds = st.integers(0, 2**32 - 1)


def covariances(random, n):
    half = random.normal(size=(n, 4, 4)) * random.uniform(0.1, 3.0)
    return half @ np.swapaxes(half, 1, 2) + 0.01 * np.eye(4)


@given(seeds, st.floats(0.01, 2.0))
def test_prediction_is_that_of_the_matrices(seed, dt_s):
    random = np.random.default_rng(seed)
    state, cov, q = random.normal(size=(7, 4)), covariances(random, 7), random.uniform(0, 9, 7)
    f = np.eye(4)
    f[0, 2] = f[1, 3] = dt_s
    g = np.array([[dt_s**3 / 3.0, dt_s**2 / 2.0], [dt_s**2 / 2.0, dt_s]])
    later, later_cov = motion.predict(state, cov, dt_s, q)
    np.testing.assert_allclose(later, state @ f.T, rtol=1e-12)
    noise = q[:, None, None] * np.kron(g, np.eye(2))
    np.testing.assert_allclose(later_cov, f @ cov @ f.T + noise, rtol=1e-10, atol=1e-10)


@given(seeds)
def test_correction_is_that_of_the_matrices(seed):
    random = np.random.default_rng(seed)
    state, cov, place = (
        random.normal(size=(7, 4)),
        covariances(random, 7),
        random.normal(size=(7, 2)),
    )
    noise = covariances(random, 7)[:, :2, :2]
    measured = np.column_stack([place, noise[:, 0, 0], noise[:, 0, 1], noise[:, 1, 1]])
    apart = motion.Apart.of(motion.places(state, cov), measured)
    new_state, new_cov = motion.correct(state, cov, apart)
    for i in range(7):
        total = np.linalg.inv(cov[i, :2, :2] + noise[i])
        by = place[i] - state[i, :2]
        gain = cov[i][:, :2] @ total
        assert np.isclose(apart.distance2[i], by @ total @ by)
        np.testing.assert_allclose(new_state[i], state[i] + gain @ by, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(new_cov[i], cov[i] - gain @ cov[i][:2], rtol=1e-7, atol=1e-8)


@given(seeds)
def test_a_pixel_is_as_wide_seen_from_the_ground_as_from_the_picture(seed):
    homography = Road().scene().homography
    random = np.random.default_rng(seed)
    ground_m = np.column_stack([random.uniform(-8, 8, 9), random.uniform(15, 90, 9)])
    image, across_m = homography.seen_at(ground_m)
    np.testing.assert_allclose(image, homography.to_image(ground_m))
    np.testing.assert_allclose(across_m, homography.m_per_px_across(image))


@given(seeds, st.integers(0, 12))
def test_who_is_covered_is_asked_of_touching_boxes_only(seed, n):
    boxes = boxes_near(np.random.default_rng(seed), n)
    one, other = touching(boxes)
    every = shared_area(boxes[:, None], boxes[None]) > 0.0
    np.fill_diagonal(every, False)
    assert {*zip(one.tolist(), other.tolist(), strict=True)} == {*map(tuple, np.argwhere(every))}
    shares = [covered_share(box, boxes) for box in boxes]
    wanted = [share >= COVERED_SHARE for share in shares]
    assert is_covered(boxes, (one, other)).tolist() == wanted


def covered_share(box, others):
    nearer = [o for o in others if o[3] > box[3] + 2.0 and o[1] < box[3]]
    nearer = [o for o in nearer if not is_second_of_one(box, o)]
    shared = [min(o[2], box[2]) - max(o[0], box[0]) for o in nearer]
    return max([0.0, *shared]) / max(box[2] - box[0], 1.0)


def is_second_of_one(box, other):
    inside = shared_area(box, other) >= DOUBLE_SHARE * areas(other)
    return bool(inside) and other[3] - box[3] <= DOUBLE_LOWER * max(box[3] - box[1], 1.0)


@given(seeds)
def test_assignment_is_the_cheapest_of_all(seed):
    random = np.random.default_rng(seed)
    cost = random.normal(size=(6, 7))
    cost[random.random(cost.shape) < 0.6] = 1e6
    allowed = cost < 1e6
    chosen = assign(*np.nonzero(allowed), cost[allowed])
    row, column = (index[chosen] for index in np.nonzero(allowed))
    assert len(set(row.tolist())) == len(set(column.tolist())) == len(chosen)
    best = cost[linear_sum_assignment(cost)]
    assert len(chosen) == (best < 1e6).sum()
    assert np.isclose(cost[row, column].sum(), best[best < 1e6].sum())


@given(
    st.lists(
        st.tuples(st.sampled_from(list(RoadUser)), st.floats(0.01, 1.0)), min_size=1, max_size=12
    )
)
def test_votes_of_many_are_those_of_each(called):
    each = [Track(i, 0.0) for i in range(2)]
    nobody = np.zeros(2, bool)
    live = LiveTracks.started(
        [Track(i, 0.0) for i in range(2)],
        *(np.zeros((2, 4)), np.zeros((2, 4, 4)), nobody, np.zeros((2, 4))),
        *(np.zeros(2), np.zeros(2), 0.0),
    )
    for number, (road_user, confidence) in enumerate(called):
        row = number % 2
        each[row].vote(road_user, confidence)
        live.vote(np.array([row]), np.array([int(road_user)]), np.array([confidence]))
    assert [track.road_user for track in live.tracks] == [track.road_user for track in each]
    assert live.class_id.tolist() == [int(track.road_user) for track in each]


def boxes_near(random, n, around=None):
    """Boxes (n, 4) of a road's vehicles, some of them where others are."""
    middle = random.uniform((200, 250), (WIDTH_PX - 200, HEIGHT_PX - 100), (n, 2))
    if around is not None and len(around):
        at = random.integers(len(around), size=n)
        middle = (around[at, :2] + around[at, 2:]) / 2.0 + random.normal(0.0, 25.0, (n, 2))
    size = np.exp(random.normal(3.7, 0.5, (n, 2)))
    return np.hstack([middle - size / 2.0, middle + size / 2.0])


@given(seeds, st.booleans(), st.floats(0.05, 6.0))
def test_a_pair_that_is_no_candidate_could_not_have_been_allowed(seed, calibrated, doubt):
    random = np.random.default_rng(seed)
    planes, parameters = MotionPlanes(Road(calibrated=calibrated).scene()), TrackerParameters()
    whole = boxes_near(random, 12)
    readings = planes.read(whole)
    state, cov, on_ground = planes.initial(whole, readings)
    cov *= doubt * random.uniform(0.1, 1.0, 12)[:, None, None]
    seen = whole.copy()
    seen[:, 3] -= random.choice([0.0, 20.0], 12)
    once, every = np.zeros(12, bool), np.ones(12, bool)
    drives, leaving = random.random((2, 12)) < [[0.8], [0.2]]
    expected = Expected(state, cov, on_ground, seen, whole, once, leaving, drives, every)
    boxes = boxes_near(random, 15, whole).astype(np.float32)
    kinds = random.choice([0, 2, 3], 15)
    given_ = Seen.of(Detections(boxes, np.full(15, 0.9, np.float32), kinds))
    found = given_.without(np.zeros(15, bool), planes, parameters.sure_confidence)
    track, detection = candidates(planes, expected, found, parameters)
    every_pair = np.divmod(np.arange(12 * len(found)), len(found))
    fitted = weigh(planes, expected, found, *every_pair, parameters)
    allowed = fitted.cost < np.inf
    named = {*zip(track.tolist(), detection.tolist(), strict=True)}
    assert named >= {*zip(*(index[allowed].tolist() for index in every_pair), strict=True)}


@given(seeds, st.booleans(), st.floats(0.05, 6.0))
def test_who_is_within_the_gate_is_not_ruled_out_by_the_side(seed, calibrated, doubt):
    random = np.random.default_rng(seed)
    planes, gate = MotionPlanes(Road(calibrated=calibrated).scene()), TrackerParameters().gate
    before = boxes_near(random, 60)
    readings = planes.read(before)
    state, cov, on_ground = planes.initial(before, readings)
    states = motion.places(state, cov * doubt)
    boxes = before + random.normal(0.0, 12.0, (60, 1)) * [[1.0, 0.5, 1.0, 0.5]]
    found = planes.read(boxes)
    distance2, _ = planes.distances(states, on_ground, found)
    x_px, y_px = found.anchors_px.T
    lowest_px = y_px - random.uniform(0.0, 5.0, 60)
    tallest_px = boxes[:, 3] - boxes[:, 1] + random.uniform(0.0, 20.0, 60)
    may = planes.may_be_near(states, on_ground, x_px, lowest_px, tallest_px, gate)
    assert may[distance2 < gate].all()
    aside_px = x_px + 20.0 * WIDTH_PX
    assert not planes.may_be_near(states, on_ground, aside_px, y_px, tallest_px, gate).any()
