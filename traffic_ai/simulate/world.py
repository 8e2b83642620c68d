"""A world: all that is true of a simulated road at any moment. Traffic makes it, drawing shows it.

Road: metres, X right, Y forward, Z up, right-handed; Z = 0 is the road surface. A heading is
clockwise from +Y. Truth is where the tyres stand and how fast they roll, never a box.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.camera import Camera


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A vehicle's size and outline in its own frame: x right, y forward, z up, metres.

    The origin lies on the road below the middle of the length_m x width_m rectangle it covers.
    outline_m (K, 3): the corners of its convex hull, so that the exact box in any picture is the
    box of their projections. contacts_m (C, 2): where its tyres touch the road. `model` and
    `colour` say how it is drawn.
    """

    model: str
    road_user: RoadUser
    length_m: float
    width_m: float
    height_m: float
    outline_m: Floats
    contacts_m: Floats
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Poses:
    """Where a vehicle is at T moments: middle of its rectangle (T, 2), heading (T,), speed (T,)
    along its heading (negative when it rolls back), and acceleration (T,).
    """

    middle_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats

    def to_world_m(self, points_m: Floats) -> Floats:
        """Points (K, 3) of the vehicle's frame in the world, (T, K, 3)."""
        sine, cosine = np.sin(self.heading_rad)[:, None], np.cos(self.heading_rad)[:, None]
        x_m, y_m = points_m[None, :, 0], points_m[None, :, 1]
        return np.stack(
            [
                self.middle_m[:, :1] + cosine * x_m + sine * y_m,
                self.middle_m[:, 1:] - sine * x_m + cosine * y_m,
                np.broadcast_to(points_m[None, :, 2], (len(sine), len(points_m))),
            ],
            axis=-1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A vehicle's motion: its pose at close moments, and what lies between them.

    t_s (N,) increasing, a few hundredths of a second apart; middle_m (N, 2), velocity_mps (N, 2),
    heading_rad (N,) without jumps. Between moments the place is the cubic that fits places and
    velocities at both ends, so place and speed belong together.
    """

    t_s: Floats
    middle_m: Floats
    velocity_mps: Floats
    heading_rad: Floats

    @property
    def start_s(self) -> float:
        """First moment it is there."""
        return float(self.t_s[0])

    @property
    def end_s(self) -> float:
        """Last moment it is there."""
        return float(self.t_s[-1])

    def present(self, t_s: Floats) -> Bools:
        """At which moments (T,) the vehicle is there."""
        return np.asarray((t_s >= self.t_s[0]) & (t_s <= self.t_s[-1]))

    def poses(self, t_s: Floats) -> Poses:
        """Poses at moments (T,) within the course; outside it the ends are held."""
        moments = np.clip(t_s, self.t_s[0], self.t_s[-1])
        i = np.clip(np.searchsorted(self.t_s, moments, side="right") - 1, 0, len(self.t_s) - 2)
        step = self.t_s[i + 1] - self.t_s[i]
        u = ((moments - self.t_s[i]) / step)[:, None]
        p0, p1 = self.middle_m[i], self.middle_m[i + 1]
        v0, v1 = self.velocity_mps[i], self.velocity_mps[i + 1]
        h = step[:, None]
        place = (
            (2 * u**3 - 3 * u**2 + 1) * p0
            + (u**3 - 2 * u**2 + u) * h * v0
            + (3 * u**2 - 2 * u**3) * p1
            + (u**3 - u**2) * h * v1
        )
        velocity = (
            (6 * u**2 - 6 * u) / h * (p0 - p1)
            + (3 * u**2 - 4 * u + 1) * v0
            + (3 * u**2 - 2 * u) * v1
        )
        change = (12 * u - 6) / h**2 * (p0 - p1) + (6 * u - 4) / h * v0 + (6 * u - 2) / h * v1
        heading = self.heading_rad[i] + u[:, 0] * (self.heading_rad[i + 1] - self.heading_rad[i])
        ahead = np.stack([np.sin(heading), np.cos(heading)], axis=-1)
        return Poses(place, heading, (velocity * ahead).sum(axis=1), (change * ahead).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Vehicle:
    """One road user of the world. `lane_id`: the lane it comes in on. `deed`: what its driver was
    told to do beyond driving lawfully, "" for nothing.
    """

    id: int
    body: Body
    course: Course
    lane_id: str
    deed: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """An aspect and when it begins."""

    start_s: float
    aspect: Aspect


@dataclass(frozen=True, slots=True)
class SignalProgram:
    """The phases of one group, in order of time; the first begins at or before the first frame."""

    group_id: str
    phases: tuple[Phase, ...]

    def phase_at(self, t_s: float) -> Phase:
        """The phase in force at a moment; the first one before it began."""
        begun = bisect_right(self.phases, t_s + 1e-9, key=lambda phase: phase.start_s)
        return self.phases[max(begun - 1, 0)]


@dataclass(frozen=True, slots=True, eq=False)
class RoadLane:
    """A lane. centre_m (M, 2) in the direction of travel; polygon_m (K, 2) its outline, within
    which it is watched. `watched`: whether it is in the site file.
    """

    id: str
    centre_m: Floats
    polygon_m: Floats
    limit_kmh: float | None
    watched: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class RoadStopLine:
    """A stop line from left to right (2, 2), as its drivers see it; `beyond_m` (2, 2) likewise.

    exits_m: polygons (K, 2); who leaves through one made a permitted turn.
    """

    id: str
    ends_m: Floats
    lane_ids: tuple[str, ...]
    group_id: str
    beyond_m: Floats | None = None
    exits_m: tuple[Floats, ...] = ()

    @property
    def forward(self) -> Floats:
        """Unit direction of travel (2,) across the line."""
        along = self.ends_m[1] - self.ends_m[0]
        ahead = np.array([-along[1], along[0]])
        return np.asarray(ahead / np.linalg.norm(ahead))


@dataclass(frozen=True, slots=True, eq=False)
class LampHead:
    """A signal head: the middle of its housing's face, and the direction it faces (clockwise from
    +Y). Its lamps are one above the other, red on top.
    """

    group_id: str
    middle_m: tuple[float, float, float]
    faces_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class RoadMap:
    """The road: `kind` (junction, straight, curve), lanes, stop lines, signal heads, and what is
    painted and paved. paved_m: polygons of asphalt; marks_m: polygons of white paint.
    survey_m (S, 2): points a surveyor can find again in the picture, for the calibration.
    """

    kind: str
    lanes: tuple[RoadLane, ...]
    stop_lines: tuple[RoadStopLine, ...]
    heads: tuple[LampHead, ...]
    paved_m: tuple[Floats, ...]
    marks_m: tuple[Floats, ...]
    survey_m: Floats

    def lane(self, lane_id: str) -> RoadLane:
        """The lane of that id; raises KeyError."""
        for lane in self.lanes:
            if lane.id == lane_id:
                return lane
        raise KeyError(lane_id)


@dataclass(frozen=True, slots=True)
class Pole:
    """Something upright between camera and road: its foot, its height and its thickness."""

    foot_m: tuple[float, float]
    height_m: float
    width_m: float


@dataclass(frozen=True, slots=True)
class Look:
    """What light, weather, lens, sensor and encoder do to the picture. Zero or "day"/"clear" is
    nothing. Sizes in pixels of the picture, strengths from 0 to 1.

    lamp_fault: "" or what ails the lamps: flicker, bloom, hidden (partly), dark.
    bitrate_kbps: None for constant quality crf.
    """

    light: str = "day"
    weather: str = "clear"
    fog_sight_m: float | None = None
    noise_levels: float = 1.3
    blur_px: float = 0.45
    glare: float = 0.0
    lamp_fault: str = ""
    crf: int = 25
    bitrate_kbps: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """When pictures are taken and what their stamps say.

    t_s (F,): true moments; stamps_s (F,): the presentation times written in the video, with their
    jitter; declared_fps: what the container claims. Dropped frames are not in the arrays.
    """

    t_s: Floats
    stamps_s: Floats
    declared_fps: float


@dataclass(frozen=True, slots=True, eq=False)
class Sway:
    """How the camera turns from its mounted pose: degrees (N,) at moments t_s (N,), linear in
    between.
    """

    t_s: Floats
    yaw_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats


@dataclass(frozen=True, eq=False)
class World:
    """A simulated road with its camera, from the first frame to the last.

    The same scenario and seed give the same world, bit for bit. signal_log: the site reads the
    controller's log, not the lamps in the picture. site: keys of the camera in the site file
    (rules, detection_regions, ...) in place of those computed.
    """

    name: str
    seed: int
    road: RoadMap
    camera: Camera
    timing: Timing
    vehicles: tuple[Vehicle, ...]
    signals: tuple[SignalProgram, ...] = ()
    look: Look = field(default_factory=Look)
    poles: tuple[Pole, ...] = ()
    sway: Sway | None = None
    signal_log: bool = False
    site: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def _programs(self) -> Mapping[str, SignalProgram]:
        return {program.group_id: program for program in self.signals}

    def aspect_at(self, group_id: str, t_s: float) -> Aspect:
        """What a group shows at a moment."""
        return self._programs[group_id].phase_at(t_s).aspect

    def present(self, t_s: float) -> Sequence[Vehicle]:
        """The vehicles on the road at a moment."""
        return [v for v in self.vehicles if v.course.start_s <= t_s <= v.course.end_s]

    def camera_at(self, t_s: float) -> Camera:
        """The camera as it is turned at a moment."""
        if self.sway is None:
            return self.camera
        turn = [
            float(np.interp(t_s, self.sway.t_s, values))
            for values in (self.sway.yaw_deg, self.sway.pitch_deg, self.sway.roll_deg)
        ]
        return self.camera.turned(*turn)
