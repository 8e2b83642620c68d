"""A tracker that knows who is who, and mixes identities up when told to.

So the rules meet swaps and breaks that the real tracker would not make, as often as one likes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track, Tracks
from traffic_ai.simulate.fast.detections import Seen
from traffic_ai.tracking.boxes import grounded
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes


@dataclass(frozen=True, slots=True)
class Mixups:
    """How often identities go wrong, for each second of a vehicle in sight.

    swaps: two vehicles near each other go on under each other's number. breaks: a vehicle goes on
    under a new number.
    """

    swaps_per_s: float = 0.0
    breaks_per_s: float = 0.0


class KnownIdentities:
    """Links detections by the vehicle they are of; implements `core.ports.Tracker`."""

    def __init__(self, scene: Scene, seen: Sequence[Seen], mixups: Mixups, seed: int) -> None:
        self._planes = MotionPlanes(scene)
        self._seen, self._mixups = seen, mixups
        self._random = default_rng([seed, 0x5A])
        self._p = TrackerParameters()
        self._number: dict[int, int] = {}
        self._tracks: dict[int, Track] = {}
        self._histories: dict[int, Track] = {}
        self._ended: tuple[int, ...] = ()
        self._next_id = 1
        self._last_s: float | None = None

    @property
    def histories(self) -> Mapping[int, Track]:
        """Histories of the confirmed tracks, those that just ended included."""
        return self._histories

    def update(self, info: FrameInfo, detections: Detections) -> Tracks:
        """The tracks of the vehicles in the frame."""
        self._forget(self._ended)
        vehicles = self._seen[info.index].vehicle
        sure = detections.confidence >= self._p.sure_confidence
        rows = [
            row
            for row, vehicle in enumerate(vehicles.tolist())
            if vehicle >= 0 and (sure[row] or vehicle in self._number)
        ]
        step_s = 0.0 if self._last_s is None else info.t_s - self._last_s
        self._last_s = info.t_s
        boxes = detections.xyxy_px.astype(float)
        self._mix(vehicles[rows].tolist(), boxes[rows], step_s)
        on_road = grounded(boxes, self._planes.seen_px)
        ground_m, cov_m2 = self._planes.calibrated_points(boxes[rows])
        shown = []
        for i, row in enumerate(rows):
            track = self._track_of(int(vehicles[row]), info.t_s)
            observed = not info.degraded
            if observed:
                track.vote(int(detections.class_id[row]), float(detections.confidence[row]))
            track.append(
                info.t_s, boxes[row], ground_m[i], cov_m2[i], observed, observed and on_road[row]
            )
            if track.observed_count >= self._p.confirm_observations:
                self._histories[track.track_id] = track
                shown.append(track)
        self._ended = self._lost(info.t_s)
        return _tracks(shown, self._ended)

    def close(self) -> Tracks:
        """End every track."""
        self._forget(self._ended)
        self._ended = tuple(self._histories)
        return Tracks.empty(self._ended)

    def _track_of(self, vehicle: int, t_s: float) -> Track:
        number = self._number.get(vehicle)
        if number is None:
            number = self._number[vehicle] = self._next_id
            self._next_id += 1
        if number not in self._tracks:
            self._tracks[number] = Track(number, t_s)
        return self._tracks[number]

    def _mix(self, vehicles: Sequence[int], boxes: Array, step_s: float) -> None:
        """Swap and break numbers of the vehicles of this frame."""
        known = [i for i, vehicle in enumerate(vehicles) if vehicle in self._number]
        draws = self._random.random((len(vehicles), 2))
        for i in known:
            if draws[i, 0] < self._mixups.swaps_per_s * step_s and len(known) > 1:
                others = [j for j in known if j != i]
                away = np.linalg.norm(boxes[others, :2] - boxes[i, :2], axis=1)
                one, other = vehicles[i], vehicles[others[int(np.argmin(away))]]
                self._number[one], self._number[other] = self._number[other], self._number[one]
            if draws[i, 1] < self._mixups.breaks_per_s * step_s:
                self._number[vehicles[i]] = self._next_id
                self._next_id += 1

    def _lost(self, t_s: float) -> tuple[int, ...]:
        """End the tracks that were not seen for long; the confirmed ones among them."""
        gone = [n for n, track in self._tracks.items() if t_s - track.t_s[-1] > self._p.lost_s]
        for number in gone:
            del self._tracks[number]
        self._number = {v: n for v, n in self._number.items() if n not in gone}
        return tuple(number for number in gone if number in self._histories)

    def _forget(self, ended: tuple[int, ...]) -> None:
        for number in ended:
            self._histories.pop(number, None)


def _tracks(shown: Sequence[Track], ended: tuple[int, ...]) -> Tracks:
    if not shown:
        return Tracks.empty(ended)
    return Tracks(
        track_id=np.array([track.track_id for track in shown], np.int64),
        xyxy_px=np.array([track.xyxy_px[-1] for track in shown]),
        class_id=np.array([int(track.road_user) for track in shown], np.int64),
        ground_m=np.array([track.ground_m[-1] for track in shown]),
        observed=np.array([track.observed[-1] for track in shown]),
        grounded=np.array([track.grounded[-1] for track in shown]),
        ended=ended,
    )
