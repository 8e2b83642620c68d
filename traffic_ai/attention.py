"""Which frames are worth the detector's time: those in which something may be decided.

Between the reader and the detector; wired in as `core.ports.Attention`. The detector is nearly all
the work, and most frames of a road decide nothing: a vehicle amid its lane is followed as well from
eight looks a second, or from five where only directions are judged. There are more while one may
become a violator or is new, all of them while one is fast in a coarse picture, and fewer where
nothing moves. Rules decide on observed points only, so a frame left out is as if the camera had not
delivered it; signals are read in every frame.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, Image
from traffic_ai.core.geometry import Array, DirectedLine, Polygons
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.signal import Aspect, SignalHistory
from traffic_ai.core.track import Tracks
from traffic_ai.core.violation import ViolationKind

ORDINARY_S = 0.125
"""Between looks at traffic of which nothing is to be decided at the moment."""
OFTEN_S = 0.065
"""Between looks while a vehicle is new, so that the next look finds it near where it was seen, or
may become a violator, so that its measurement rests on many."""
BY_WAY_S, NEW_BY_WAY_S = 0.2, 0.1
"""Instead of ORDINARY_S, and of OFTEN_S while a vehicle is new, where only directions are judged:
going against a lane's shows in metres, neither in a moment nor in a fit through many points."""
EVERY_FRAME_S = 0.0
"""Between looks while one is fast where a pixel is long: the boxes tell its places roughly, and its
speed is the surer the more of them it rests on."""
STILL_S = 0.4
"""Between looks at a picture in which nothing has changed."""

_KNOWN_AFTER_S = 0.25  # motion is measured over so long, and a vehicle is new until then
_NEAR_S = 1.0  # so long before a line is reached and after it is passed, the moment counts
_STANDS_SHARE = 0.15  # of its own height a second: slower than that, it stands
_FAST_SHARE = 0.95  # of the limit
_LONG_PIXEL_M = 0.1  # along the lane, where it is seen best
_LANE_POINTS = 50
_AGAINST_COS = -0.5
_SURE = 0.3  # what is less sure begins no track
_BESIDE = 0.3  # of a line's length, to either side

_THUMBNAIL_PX = 160
_CHANGE_LEVELS = 10  # noise and compression stay below, once averaged over a thumbnail's pixel
_EARLY_S = 0.01  # a look may come so much early, lest it come a whole frame late


class SceneAttention:
    """Which frames of one camera session to look at. kinds: of violation that are judged.

    pause_s: how soon after the last look the next one is wanted, unless nothing moves.
    """

    def __init__(self, scene: Scene, kinds: Collection[str]) -> None:
        self._judges_direction = ViolationKind.WRONG_WAY in kinds
        self._judges_speed = ViolationKind.SPEEDING in kinds
        self._lanes = scene.lanes
        self._areas = Polygons([lane.polygon_px for lane in scene.lanes])
        measured = (
            [scene.homography.valid_area_px] if self._judges_speed and scene.homography else []
        )
        self._judged = Polygons([lane.polygon_px for lane in scene.lanes] + measured)
        at_lines = {ViolationKind.RED_LIGHT, ViolationKind.STOP_OVER_LINE} & set(kinds)
        self._stop_lines = [
            (line.line, line.signal_group_id)
            for line in scene.stop_lines
            if at_lines and line.signal_group_id is not None
        ]
        self._long_pixels = [
            self._judges_speed and _best_m_per_px(scene, lane) > _LONG_PIXEL_M
            for lane in scene.lanes
        ]
        sections = scene.speed_sections if self._judges_speed else ()
        self._gates = [line for section in sections for line in (section.entry, section.exit)]
        self._looks: deque[tuple[float, Tracks]] = deque()
        self._seen_s = self._due_s = -np.inf
        by_way_alone = not self._judges_speed and not at_lines
        self._ordinary_s = BY_WAY_S if by_way_alone else ORDINARY_S
        self._new_s = NEW_BY_WAY_S if by_way_alone else OFTEN_S
        self.pause_s = self._ordinary_s
        self._aspects: Mapping[str, Aspect | None] = {}
        self._still: NDArray[np.int16] | None = None

    def wants(self, frame: Frame, signals: Mapping[str, SignalHistory]) -> bool:
        """Whether a frame must be looked at. signals: as known with it."""
        t_s = frame.info.t_s
        if t_s < self._due_s - _EARLY_S and _aspects(signals, t_s) == self._aspects:
            return False
        rests = self._still is not None and t_s < self._seen_s + STILL_S - _EARLY_S
        return not (rests and self._unchanged(frame.image))

    def looked(self, frame: Frame, found: Detections, observation: Observation) -> None:
        """Take in what a look brought: how soon must the next one come?"""
        self._seen_s = t_s = frame.info.t_s
        self._aspects = _aspects(observation.signals, t_s)
        moves = self._moves(t_s, observation.tracks)
        unknown = np.concatenate([moves.new_px, _unknown(found, observation.tracks)])
        going = ~moves.stand
        self.pause_s = min(
            self._violation_pause_s(moves.those(going)),
            self._new_s if self._is_judged(unknown) else self._ordinary_s,
        )
        self._due_s = t_s + self.pause_s
        self._still = None if len(unknown) or going.any() else _thumbnail(frame.image)

    def _moves(self, t_s: float, tracks: Tracks) -> "_Moves":
        """The motion of the vehicles that were already followed a while ago."""
        self._looks.append((t_s, tracks))
        while len(self._looks) > 1 and self._looks[1][0] <= t_s - _KNOWN_AFTER_S:
            self._looks.popleft()
        before_s, before = self._looks[0]
        if before_s > t_s - _KNOWN_AFTER_S:
            return _Moves.between(Tracks.empty(), tracks, np.inf)
        return _Moves.between(before, tracks, t_s - before_s)

    def _unchanged(self, image: Image) -> bool:
        """Whether the picture is the one of the last look."""
        now = _thumbnail(image)
        if self._still is None or now.shape != self._still.shape:
            return False
        return int(np.abs(now - self._still).max()) < _CHANGE_LEVELS

    def _is_judged(self, boxes: Array) -> bool:
        """Whether a part of one of the boxes (N, 4) lies where vehicles are judged: on a lane, or
        where their speed is measured.
        """
        if not len(boxes):
            return False
        x0, y0, x1, y1 = boxes.T
        x, y = (x0 + x1) / 2.0, (y0 + y1) / 2.0
        points = np.array([[x, x0, x1, x, x0, x1], [y1, y1, y1, y, y, y]]).reshape(2, -1).T
        return bool(self._judged.holds(points).any())

    # -- what may become a violation ----------------------------------------------------------

    def _crosses(self, moves: "_Moves") -> bool:
        """Whether one is about to cross a line at which the moment counts."""
        lines = [
            line
            for line, group_id in self._stop_lines
            if self._aspects.get(group_id) is not Aspect.GREEN
        ]
        return any(moves.cross(line).any() for line in (*lines, *self._gates))

    def _violation_pause_s(self, moves: "_Moves") -> float:
        """How soon they are to be looked at again, as they may become violators."""
        if not len(moves):
            return self._ordinary_s
        often = self._crosses(moves)
        if self._judges_direction or self._judges_speed:
            inside = self._areas.holds(moves.anchor_px)
            for lane, here, long in zip(self._lanes, inside.T, self._long_pixels, strict=True):
                if not here.any() or (often and not long):
                    continue
                there = moves.those(here)
                if long and there.fast(lane).any():
                    return EVERY_FRAME_S
                often = often or self._breaks(there, lane)
        return OFTEN_S if often else self._ordinary_s

    def _breaks(self, moves: "_Moves", lane: Lane) -> bool:
        """Whether one goes against the direction of a lane they are in, or may exceed its limit."""
        if self._judges_direction and moves.against(lane).any():
            return True
        return self._judges_speed and bool(moves.may_be_fast(lane).any())


@dataclass(frozen=True, slots=True)
class _Moves:
    """N vehicles: boxes (N, 4), classes (N,), motion in the image and on the road (N, 2); the
    latter is NaN where it is not known. new_px (M, 4): boxes of those that came since.
    """

    box_px: Array
    class_id: NDArray[np.int64]
    velocity_px: Array
    velocity_mps: Array
    new_px: Array

    @classmethod
    def between(cls, before: Tracks, now: Tracks, over_s: float) -> "_Moves":
        """How the vehicles in both looks moved from one to the other."""
        row_before = {track_id: row for row, track_id in enumerate(before.track_id.tolist())}
        then = np.array([row_before.get(track_id, -1) for track_id in now.track_id.tolist()], int)
        known = then >= 0
        a, b = then[known], known.nonzero()[0]
        return cls(
            now.xyxy_px[b],
            now.class_id[b],
            (now.anchor_px[b] - before.anchor_px[a]) / over_s,
            (now.ground_m[b] - before.ground_m[a]) / over_s,
            now.xyxy_px[~known],
        )

    def __len__(self) -> int:
        return len(self.class_id)

    def those(self, mask: NDArray[np.bool_]) -> "_Moves":
        """Some of them."""
        return _Moves(
            self.box_px[mask],
            self.class_id[mask],
            self.velocity_px[mask],
            self.velocity_mps[mask],
            self.new_px,
        )

    @property
    def anchor_px(self) -> Array:
        """(N, 2) middles of the boxes' lower edges."""
        x0, _, x1, y1 = self.box_px.T
        return np.array([(x0 + x1) / 2.0, y1]).T

    @property
    def stand(self) -> NDArray[np.bool_]:
        """Which hardly move, (N,)."""
        pace_px = np.hypot(*self.velocity_px.T)
        return np.asarray(pace_px < _STANDS_SHARE * (self.box_px[:, 3] - self.box_px[:, 1]))

    def cross(self, line: DirectedLine) -> NDArray[np.bool_]:
        """Which go forward over a line, soon will, or just did, with any part, (N,)."""
        low_px = self.anchor_px
        high_px = np.column_stack([low_px[:, 0], self.box_px[:, 1]])
        along = line.position_along(low_px)
        ahead_px = line.distance(np.stack([low_px, high_px]))
        reach_px = _NEAR_S * (self.velocity_px @ line.forward)
        beside = (along > -_BESIDE) & (along < 1.0 + _BESIDE)
        reached = (ahead_px.max(axis=0) > -reach_px) & (ahead_px.min(axis=0) < reach_px)
        return np.asarray(beside & (reach_px > 0.0) & reached)

    def against(self, lane: Lane) -> NDArray[np.bool_]:
        """Which go against the direction of a lane, (N,)."""
        ends = lane.centre_line_px
        middles = (ends[1:] + ends[:-1]) / 2.0
        nearest = np.argmin(
            np.linalg.norm(middles - self.anchor_px[:, None], axis=2), axis=1, keepdims=False
        )
        way = (ends[1:] - ends[:-1])[nearest]
        size = np.hypot(*way.T) * np.hypot(*self.velocity_px.T)
        return np.asarray((way * self.velocity_px).sum(axis=1) < _AGAINST_COS * size)

    def may_be_fast(self, lane: Lane) -> NDArray[np.bool_]:
        """Which may be above the limit of a lane, (N,); unknown speeds may."""
        fast = ~(np.hypot(*self.velocity_mps.T) < _FAST_SHARE * self._limit_mps(lane))
        return np.asarray(fast & (self._limit_mps(lane) < np.inf))

    def fast(self, lane: Lane) -> NDArray[np.bool_]:
        """Which are about as fast as the limit of a lane, or faster, as far as is known, (N,)."""
        return np.asarray(np.hypot(*self.velocity_mps.T) >= _FAST_SHARE * self._limit_mps(lane))

    def _limit_mps(self, lane: Lane) -> Array:
        limits = [lane.limit_kmh(RoadUser(k)) for k in self.class_id.tolist()]
        return np.array([np.inf if k is None else k / 3.6 for k in limits])


def _best_m_per_px(scene: Scene, lane: Lane) -> float:
    """Metres of road that a pixel along a lane is at the least, where it can be measured; 0 where
    nothing tells it.
    """
    ends, homography = lane.centre_line_px, scene.homography
    if homography is None:
        return 0.0
    ways = np.diff(ends, axis=0)
    shares = np.linspace(0.0, 1.0, _LANE_POINTS)[:, None, None]
    points = (ends[:-1] + shares * ways).reshape(-1, 2)
    here = homography.in_area(points)
    if not here.any():
        return 0.0
    units = np.tile(ways / np.linalg.norm(ways, axis=1, keepdims=True), (_LANE_POINTS, 1))
    along = np.einsum("nij,nj->ni", homography.jacobian(points[here]), units[here])
    return float(np.linalg.norm(along, axis=1).min())


def _aspects(signals: Mapping[str, SignalHistory], t_s: float) -> dict[str, Aspect | None]:
    """What each group shows at t_s, as far as it is known."""
    states = {group_id: history.at(t_s) for group_id, history in signals.items()}
    return {group_id: None if state is None else state.aspect for group_id, state in states.items()}


def _unknown(found: Detections, tracks: Tracks) -> Array:
    """The boxes (N, 4) of what was surely found and is not followed yet."""
    boxes = found.xyxy_px[found.confidence >= _SURE].astype(float)
    if not len(boxes) or not len(tracks):
        return boxes
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2.0).T[:, :, None]
    x0, y0, x1, y1 = tracks.xyxy_px.T
    inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    return np.asarray(boxes[~inside.any(axis=1)])


def _thumbnail(image: Image) -> NDArray[np.int16]:
    """A small grey picture; noise and compression are averaged away."""
    height, width = image.shape[:2]
    small = (_THUMBNAIL_PX, max(1, round(_THUMBNAIL_PX * height / width)))
    grey = cv2.cvtColor(cv2.resize(image, small, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, np.int16)
