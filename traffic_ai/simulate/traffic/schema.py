"""A scenario as its YAML file gives it: short, strict, with defaults that make a good scene.

First step of the simulator. Numbers a driver or vehicle has its own of are ranges, drawn from
the seed.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from traffic_ai.config.problems import KeyPath
from traffic_ai.config.strict import StrictModel
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.traffic.explain import merged, mistakes
from traffic_ai.simulate.traffic.values import (
    Count,
    Flow,
    Lanes,
    MetresRange,
    Place,
    SecondsRange,
    Share,
    SpeedRange,
)

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Kind = Literal["car", "van", "truck", "bus", "motorcycle"]
DeedName = Literal[
    "run_red",
    "run_yellow",
    "stop_over_line",
    "creep",
    "turn_on_red",
    "wrong_way",
    "reverse",
    "uturn",
    "speeding",
    "change_lane",
    "park",
]
SIGNAL_DEEDS = frozenset({"run_red", "run_yellow", "stop_over_line", "creep", "turn_on_red"})


def _number(low: float, high: float) -> Any:
    return Field(strict=True, ge=low, le=high, allow_inf_nan=False)


class RoadPart(StrictModel):
    """The road. Lanes are north-1... away from the camera and south-1... toward it, counted from
    the middle of the road; at a junction also east-1... and west-1... of the crossing road.
    """

    kind: Literal["junction", "straight", "curve"] = "junction"
    lanes: Lanes = 2
    lanes_back: Annotated[int, Field(strict=True, ge=0, le=5)] = 2
    lane_width_m: Annotated[float, _number(2.5, 5.0)] = 3.3
    limit_kmh: Annotated[float, _number(5.0, 300.0)] | None = 50.0
    watch_m: tuple[Number, Number] | None = None
    view: Literal["rear", "front"] = "rear"
    stop_line_m: Annotated[float, _number(5.0, 120.0)] = 25.0
    cross_lanes: Lanes = 2
    permitted_exit: bool = False
    radius_m: Annotated[float, _number(-2000.0, 2000.0)] = 80.0
    bend_from_m: Annotated[float, _number(0.0, 200.0)] = 15.0
    bend_deg: Annotated[float, _number(5.0, 120.0)] = 50.0


class CameraPart(StrictModel):
    """Where the camera hangs and what it sees: at side_m to the right of the middle of the road,
    height_m above it, turned right by yaw, down by pitch, clockwise by roll. focal_px or field_deg
    (the angle of view from left to right) is the lens; k1 and k2 its radial distortion.
    """

    height_m: Number = 7.5
    side_m: Annotated[float, _number(-60.0, 60.0)] = -1.0
    yaw_deg: Annotated[float, _number(-80.0, 80.0)] = 3.0
    pitch_deg: Annotated[float, _number(-10.0, 85.0)] = 14.0
    roll_deg: Annotated[float, _number(-30.0, 30.0)] = 0.0
    size: tuple[
        Annotated[int, Field(strict=True, ge=160, le=7680, multiple_of=2)],
        Annotated[int, Field(strict=True, ge=120, le=4320, multiple_of=2)],
    ] = (1280, 720)
    focal_px: Annotated[float, _number(50.0, 50_000.0)] | None = None
    field_deg: Annotated[float, _number(5.0, 130.0)] | None = None
    k1: Annotated[float, _number(-0.6, 0.6)] = 0.0
    k2: Annotated[float, _number(-0.6, 0.6)] = 0.0


class TurnPart(StrictModel):
    """A turn of the camera away from its pose: when it begins and how long it takes."""

    at_s: Annotated[float, _number(0.0, 1e6)]
    within_s: Annotated[float, _number(0.01, 1e6)] = 0.3
    yaw_deg: Annotated[float, _number(-30.0, 30.0)] = 0.0
    pitch_deg: Annotated[float, _number(-30.0, 30.0)] = 0.0
    roll_deg: Annotated[float, _number(-30.0, 30.0)] = 0.0


class SwayPart(StrictModel):
    """How the camera moves: vibration of so many pixels (standard deviation) about a frequency,
    and turns.
    """

    vibration_px: Annotated[float, _number(0.0, 50.0)] = 0.0
    vibration_hz: Annotated[float, _number(0.05, 30.0)] = 4.0
    turns: tuple[TurnPart, ...] = ()


class SignalsPart(StrictModel):
    """The signal of the main road (group "main", both directions) and of the crossing road
    ("cross"). Without phases they take turns; main's yellow begins first_yellow_s after the start.
    phases: of the main group, [[seconds, aspect], ...], the last one holds on.
    read: whether the site file reads lamps in the picture or the controller's log.
    """

    green_s: Annotated[float, _number(2.0, 600.0)] = 18.0
    yellow_s: Annotated[float, _number(0.0, 10.0)] = 3.0
    all_red_s: Annotated[float, _number(0.0, 20.0)] = 2.0
    cross_green_s: Annotated[float, _number(2.0, 600.0)] = 12.0
    red_yellow_s: Annotated[float, _number(0.0, 5.0)] = 0.0
    first_yellow_s: Annotated[float, _number(0.0, 600.0)] = 9.0
    phases: tuple[tuple[Number, Aspect], ...] = ()
    read: Literal["lamps", "log"] = "lamps"

    @model_validator(mode="after")
    def _in_order(self) -> "SignalsPart":
        times_s = [at_s for at_s, _ in self.phases]
        if times_s and (times_s[0] > 0.0 or times_s != sorted(set(times_s))):
            raise ValueError(
                f"phases begin at {times_s} s; the first must begin at 0 and each later one after "
                "the one before"
            )
        return self


class TurnsPart(StrictModel):
    """The shares of drivers that turn off at the junction."""

    left: Share = 0.0
    right: Share = 0.0

    @model_validator(mode="after")
    def _at_most_all(self) -> "TurnsPart":
        if self.left + self.right > 1.0:
            raise ValueError(
                f"left {self.left:g} and right {self.right:g} make more than 1; lower one of them"
            )
        return self


def _usual_mix() -> dict[Kind, float]:
    return {"car": 0.72, "van": 0.08, "truck": 0.07, "bus": 0.04, "motorcycle": 0.09}


class TrafficPart(StrictModel):
    """Lawful traffic: vehicles an hour and lane, who they are, and how they drive.

    platoons: share that follows close behind the vehicle before. speed_kmh: what drivers want to
    drive; None for 82 to 96 % of the limit. parked: how many stand at the kerb.
    """

    flow_per_h: Flow = 400.0
    flow_back_per_h: Flow = 300.0
    flow_cross_per_h: Flow = 250.0
    mix: dict[Kind, Annotated[float, _number(0.0, 1e6)]] = Field(default_factory=_usual_mix)
    speed_kmh: SpeedRange | None = None
    headway_s: SecondsRange = (1.0, 1.8)
    platoons: Share = 0.2
    turns: TurnsPart = Field(default_factory=lambda: TurnsPart.model_validate({}))
    lane_changes: bool = False
    parked: Count = 0

    @model_validator(mode="after")
    def _someone(self) -> "TrafficPart":
        if sum(self.mix.values()) <= 0.0:
            raise ValueError("mix has no share above 0; give at least one, such as {car: 1}")
        return self


class DeedPart(StrictModel):
    """What some drivers do beyond driving lawfully.

    times: how many drivers; lane: in which lane (any watched one by default); kind: in what;
    at_s: when, one moment a driver (spread over the video by default). speed_kmh: how fast.
    into_s: how long after the onset of red (run_red) or yellow (run_yellow) the front crosses the
    line. over_m: how far beyond the line the front stops (stop_over_line, creep). by_m: how far
    back (reverse). for_s: how long it stands (reverse).
    """

    deed: DeedName
    times: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1
    lane: str | None = None
    kind: Kind | None = None
    at_s: tuple[Annotated[float, _number(0.0, 1e6)], ...] = ()
    speed_kmh: SpeedRange | None = None
    into_s: SecondsRange | None = None
    over_m: MetresRange | None = None
    by_m: MetresRange | None = None
    for_s: SecondsRange | None = None

    @model_validator(mode="after")
    def _fitting(self) -> "DeedPart":
        if self.at_s and len(self.at_s) != self.times:
            if "times" in self.model_fields_set:
                raise ValueError(
                    f"{len(self.at_s)} moments in at_s for times: {self.times}; give one a driver "
                    "or leave times out"
                )
            object.__setattr__(self, "times", len(self.at_s))
        for key, deeds in _DEED_KEYS.items():
            if getattr(self, key) is not None and self.deed not in deeds:
                raise ValueError(
                    f"{key} says nothing about {self.deed}; remove it (it is for "
                    f"{', '.join(sorted(deeds))})"
                )
        return self


_DEED_KEYS = {
    "into_s": {"run_red", "run_yellow"},
    "over_m": {"stop_over_line", "creep"},
    "by_m": {"reverse"},
    "for_s": {"reverse"},
}


class LegPart(StrictModel):
    """Reach a speed within a time, smoothly."""

    within_s: Annotated[float, _number(0.05, 1e6)]
    speed_kmh: Annotated[float, _number(-60.0, 250.0)]


class ScriptedPart(StrictModel):
    """A vehicle whose every move is written down: until at_s it drives at speed_kmh, its front
    then is at_m from the camera's foot along the road, and the legs follow.
    """

    model: str
    colour: str = ""
    lane: str
    right_m: Annotated[float, _number(-5.0, 5.0)] = 0.0
    at_s: Number
    at_m: Number
    speed_kmh: Annotated[float, _number(-60.0, 250.0)]
    legs: tuple[LegPart, ...] = ()
    wrong_way: bool = False


class LookPart(StrictModel):
    """Light, weather, lens, sensor and encoder, as `traffic_ai.simulate.world.Look` has them."""

    light: Literal["day", "dusk", "night"] = "day"
    weather: Literal["clear", "overcast", "rain"] = "clear"
    fog_sight_m: Annotated[float, _number(10.0, 5000.0)] | None = None
    noise_levels: Annotated[float, _number(0.0, 60.0)] = 1.3
    blur_px: Annotated[float, _number(0.0, 10.0)] = 0.45
    glare: Share = 0.0
    lamp_fault: Literal["", "flicker", "bloom", "hidden", "dark"] = ""
    crf: Annotated[int, Field(strict=True, ge=0, le=51)] = 25
    bitrate_kbps: Annotated[int, Field(strict=True, ge=20, le=100_000)] | None = None


class PolePart(StrictModel):
    """Something upright before the road."""

    foot_m: Place
    height_m: Annotated[float, _number(0.5, 40.0)] = 7.0
    width_m: Annotated[float, _number(0.02, 3.0)] = 0.2


class TimingPart(StrictModel):
    """When pictures are taken and what their stamps say.

    variable: how much the time between frames varies, as a share of it. dropped: share of frames
    that are missing. jitter_s: standard deviation of the stamps' error. declared_fps: what the
    file claims, fps by default.
    """

    duration_s: Annotated[float, _number(0.5, 200_000.0)] = 30.0
    fps: Annotated[float, _number(1.0, 120.0)] = 25.0
    variable: Annotated[float, _number(0.0, 0.9)] = 0.0
    dropped: Annotated[float, _number(0.0, 0.9)] = 0.0
    jitter_s: Annotated[float, _number(0.0, 1.0)] = 0.0
    declared_fps: Annotated[float, _number(1.0, 240.0)] | None = None


class Scenario(StrictModel):
    """A scene to be simulated. `site`: keys of the camera in the site file, such as rules or
    detection_regions, in place of the computed ones.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    description: str = ""
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 1
    road: RoadPart = Field(default_factory=lambda: RoadPart.model_validate({}))
    camera: CameraPart = Field(default_factory=lambda: CameraPart.model_validate({}))
    sway: SwayPart | None = None
    signals: SignalsPart = Field(default_factory=lambda: SignalsPart.model_validate({}))
    traffic: TrafficPart = Field(default_factory=lambda: TrafficPart.model_validate({}))
    deeds: tuple[DeedPart, ...] = ()
    vehicles: tuple[ScriptedPart, ...] = ()
    look: LookPart = Field(default_factory=lambda: LookPart.model_validate({}))
    poles: tuple[PolePart, ...] = ()
    timing: TimingPart = Field(default_factory=lambda: TimingPart.model_validate({}))
    site: dict[str, object] = Field(default_factory=dict)

    def with_changes(self, changes: Mapping[str, object]) -> "Scenario":
        """This scenario with some keys changed: `{"camera": {"height_m": 12.0}}`.

        Lists and mix are replaced whole; None puts a key back to its default. Raises ConfigError.
        """
        data = merged(self.model_dump(mode="json", exclude_unset=True), changes)
        return read_scenario(data, lambda path: "")


def read_scenario(data: object, place: Callable[[KeyPath], str]) -> Scenario:
    """Plain data as a scenario; raises ConfigError with every mistake behind its place."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        lines = [f"{place(path)}{words}" for path, words in mistakes(error, Scenario)]
        raise ConfigError("\n".join(lines)) from None
