"""The demanding pools: enough passes of one thing to say how often it goes wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from numpy.random import default_rng

from benchmarks.accuracy.drive import Driven, LookAt, drive
from benchmarks.accuracy.mountings import mounted
from benchmarks.accuracy.passes import (
    KINDS,
    crossings,
    empty_world,
    steady_stream,
    stops_at_line,
)
from traffic_ai.evaluate.report import Report
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.simulate.world import World

SPEED_BANDS_KMH = ((30, 50), (50, 80), (80, 100), (100, 130), (130, 180), (180, 250))
FPS = 15.0
# Every pass is measured and told when nearly everybody is above the limit.
_MEASURE_ALL = {"site": {"rules": {"speeding": {"tolerance_kmh": 0}}}}
_ONLY = {"red": {"red_light": {}, "stop_over_line": {}}, "way": {"wrong_way": {}}}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a pool: one world, its seed, how it is looked at, and what it is counted with."""

    group: str
    seed: int
    world: Callable[[int], World]
    look_at: LookAt = field(default_factory=LookAt)

    def driven(self) -> Driven:
        return drive(self.world(self.seed), self.seed, self.look_at)

    def run(self) -> Report:
        return self.driven().report


def red_light(share: float) -> list[Part]:
    """300 violations among 3,000 legal crossings, from behind and from ahead."""
    count = max(1, round(30 * share))
    return [
        Part(f"red light, {view} view", 100 + n, _RedLight(view))
        for view in ("rear", "front")
        for n in range(count)
    ]


@dataclass(frozen=True, slots=True)
class _RedLight:
    """Six minutes of a busy junction, six drivers run the red between 0.1 and 10 s into it."""

    view: str

    def __call__(self, seed: int) -> World:
        flows = {"flow_per_h": 60.0, "flow_back_per_h": 60.0, "flow_cross_per_h": 40.0}
        flows["flow_per_h" if self.view == "rear" else "flow_back_per_h"] = 520.0
        changes = {
            "road": {"view": self.view},
            "traffic": flows,
            "deeds": [
                {"deed": "run_red", "times": 3, "into_s": [0.1, 3.0]},
                {"deed": "run_red", "times": 3, "into_s": [2.0, 10.0]},
                {"deed": "run_yellow", "times": 2},
            ],
            "timing": {"duration_s": 360.0, "fps": FPS},
            "site": {"rules": _ONLY["red"]},
        }
        return make_world(load_scenario("junction-day").with_changes(changes), seed)


def crossing(share: float) -> list[Part]:
    """4,800 crossings from 2.5 s before to 6.5 s after the onset of red, before forty cameras, from
    behind and from ahead.
    """
    return [
        Part(f"crossings, {view} view", 200 + n, _Crossings(view))
        for n in range(round(40 * share) or 1)
        for view in ("rear", "front")
    ]


@dataclass(frozen=True, slots=True)
class _Crossings:
    """Twenty cycles, three lanes, a camera of the seed's own."""

    view: str
    cycles: int = 20

    def __call__(self, seed: int) -> World:
        changes: dict[str, object] = {
            "road": {"view": self.view, "lanes": 3, "lanes_back": 3},
            "site": {"rules": _ONLY["red"]},
        }
        world, fps = mounted(seed, changes, "junction-day")
        return crossings(world, default_rng([seed, 11]), self.cycles, fps)


def right_way(share: float) -> list[Part]:
    """10,000 passes the right way, in both directions."""
    return [Part("right way", 300 + n, _right_way_world) for n in range(round(40 * share) or 1)]


def _right_way_world(seed: int) -> World:
    changes = {
        "road": {"lanes": 3, "lanes_back": 3, "limit_kmh": 60.0},
        "traffic": {"flow_per_h": 900.0, "flow_back_per_h": 900.0},
        "deeds": [],
        "timing": {"duration_s": 180.0, "fps": 12.5},
        "site": {"rules": _ONLY["way"]},
    }
    return make_world(load_scenario("straight-day").with_changes(changes), seed)


def wrong_way(share: float) -> list[Part]:
    """300 drivers against the direction."""
    return [Part("wrong way", 400 + n, _wrong_way_world) for n in range(round(50 * share) or 1)]


def _wrong_way_world(seed: int) -> World:
    changes = {
        "road": {"limit_kmh": 60.0},
        "traffic": {"flow_per_h": 300.0, "flow_back_per_h": 300.0},
        "deeds": [{"deed": "wrong_way", "times": 6}],
        "timing": {"duration_s": 150.0, "fps": FPS},
        "site": {"rules": _ONLY["way"]},
    }
    return make_world(load_scenario("straight-day").with_changes(changes), seed)


def speed(share: float) -> list[Part]:
    """500 measurements and more of every class in every band of speed, both directions, each
    before forty cameras; more passes where many are withheld.
    """
    return [
        Part(f"{kind}, {band[0]}-{band[1]} km/h", 500 + n, _Speed(kind, band, _passes(kind, band)))
        for n in range(round(40 * share) or 1)
        for kind in KINDS
        for band in SPEED_BANDS_KMH
    ]


def _passes(kind: str, band_kmh: tuple[float, float]) -> int:
    """How many before each camera."""
    return 32 if kind in ("truck", "bus") and band_kmh[0] >= 80 else 20


def speed_noise(share: float) -> list[Part]:
    """Speeds from boxes that are worse than the detector's: noise on every edge, new in each
    picture or drifting. All classes in turn.
    """
    looks = {
        "+2 px": LookAt(extra_px=2.0),
        "+4 px in 0.3 s": LookAt(extra_px=4.0, extra_s=0.3),
    }
    return [
        Part(
            f"{name}, {band[0]}-{band[1]} km/h",
            560 + n,
            _Speed(KINDS[n % len(KINDS)], band, 4),
            look_at,
        )
        for n in range(round(40 * share) or 1)
        for name, look_at in looks.items()
        for band in SPEED_BANDS_KMH
    ]


@dataclass(frozen=True, slots=True)
class _Speed:
    """Passes of a kind within a band of speed, before a camera of the seed's own."""

    kind: str
    band_kmh: tuple[float, float]
    count: int = 20

    def __call__(self, seed: int) -> World:
        random = default_rng([seed, KINDS.index(self.kind), int(self.band_kmh[0])])
        world, fps = mounted(seed, {"road": {"limit_kmh": 10.0}, **_MEASURE_ALL})
        return steady_stream(world, random, self.kind, self.band_kmh, self.count, fps)


def stops(share: float) -> list[Part]:
    """10,000 vehicles that stop with the bumper within half a metre of the line."""
    looks = {
        "as detected": LookAt(),
        "+2 px": LookAt(extra_px=2.0),
        "+4 px": LookAt(extra_px=4.0),
        "+4 px in 0.3 s": LookAt(extra_px=4.0, extra_s=0.3),
    }
    return [
        Part(f"stops, {view} view, {name}", 700 + n, _Stops(view), look_at)
        for view in ("rear", "front")
        for name, look_at in looks.items()
        for n in range(round(21 * share) or 1)
    ]


def over_line(share: float) -> list[Part]:
    """600 vehicles that stop 0.8 to 3 m beyond the line."""
    return [
        Part(f"over the line, {view} view", 900 + n, _Stops(view, (0.8, 3.0), 12.0))
        for view in ("rear", "front")
        for n in range(round(5 * share) or 1)
    ]


@dataclass(frozen=True, slots=True)
class _Stops:
    """Twenty cycles, three lanes."""

    view: str
    beyond_m: tuple[float, float] = (-0.5, 0.5)
    red_s: float = 6.4
    cycles: int = 20

    def __call__(self, seed: int) -> World:
        changes: dict[str, object] = {
            "road": {"view": self.view, "lanes": 3, "lanes_back": 3},
            "site": {"rules": _ONLY["red"]},
        }
        random = default_rng([seed, 9])
        world = empty_world("junction-day", changes)
        return stops_at_line(world, random, self.cycles, 12.5, self.beyond_m, self.red_s)


POOLS: dict[str, Callable[[float], Sequence[Part]]] = {
    "red-light": red_light,
    "crossings": crossing,
    "right-way": right_way,
    "wrong-way": wrong_way,
    "speed": speed,
    "speed-noise": speed_noise,
    "stops": stops,
    "over-line": over_line,
}
