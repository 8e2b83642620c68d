"""A world through tracker and rules without pictures: the fast mode as a whole.

    world -> sights -> detections with errors -> tracker -> rules -> findings

Everything from the detections on is what a camera's session runs, with the scene of the world's
own site file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.ports import Tracker
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track
from traffic_ai.core.violation import Finding, Provenance
from traffic_ai.pipeline import Session, Step
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.fast.detections import Seen, detections
from traffic_ai.simulate.fast.errors import BoxErrors
from traffic_ai.simulate.fast.identities import KnownIdentities, Mixups
from traffic_ai.simulate.fast.measured import MEASURED, in_look
from traffic_ai.simulate.fast.sights import Sight, sights
from traffic_ai.simulate.fast.signals import KnownSignals, SignalView
from traffic_ai.simulate.world import World
from traffic_ai.sources.stamps import StampRepair
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.wiring import new_attention, new_rules

# Containers keep times in ticks; this many a second keeps stamps to a hundredth of a millisecond.
_TICKS_PER_S = 90_000


@dataclass(frozen=True, slots=True)
class FastOptions:
    """errors: the detector's. mixups: None for the real tracker, else known identities that go
    wrong so often. signals: how they are known. every_frame: look at every frame, else at those
    that may decide something. most_looks_per_s: as on a machine too slow for more, where frames
    pass unread while one is looked at.
    """

    errors: BoxErrors = MEASURED
    mixups: Mixups | None = None
    signals: SignalView = SignalView.LAMPS
    every_frame: bool = True
    most_looks_per_s: float = np.inf

    @classmethod
    def of(cls, world: World) -> "FastOptions":
        """As a camera before that world runs: the default detector in its light and weather, the
        frames that matter, the controller's log where the scenario asks for it, else lamps.
        """
        view = SignalView.LOG if world.signal_log else SignalView.LAMPS
        return cls(in_look(MEASURED, world.look), signals=view, every_frame=False)


@dataclass(frozen=True, eq=False)
class FastRun:
    """What came of a world.

    findings: in the order they were made. tracks: every confirmed track by number. sights: what
    there was to be seen. stamps_s (F,): the times the rules were given. looks: frames looked at.
    """

    findings: tuple[Finding, ...]
    tracks: Mapping[int, Track]
    sights: tuple[Sight, ...]
    stamps_s: Floats = field(repr=False)
    looks: int


def run_fast(
    world: World,
    scene: Scene,
    rules: Mapping[str, object],
    seed: int,
    options: FastOptions | None = None,
    *,
    shown: Sequence[Sight] | None = None,
    provenance: Provenance | None = None,
    each: Callable[[Step], None] = lambda step: None,
) -> FastRun:
    """Drive a world through tracker and rules; the same arguments give the same result.

    scene, rules: of the world's site file (`CameraSite.scene`, `CameraSite.rules`). seed: of the
    detector's errors and the mix-ups. shown: the world's sights where they are known already.
    provenance: of what is found. each: told the step of every frame that was looked at.
    """
    options = options or FastOptions()
    if (scene.width_px, scene.height_px) != (world.camera.width_px, world.camera.height_px):
        raise ConfigError(
            f"the scene is for pictures of {scene.width_px}x{scene.height_px}, the world's camera "
            f"gives {world.camera.width_px}x{world.camera.height_px}; ask the site for that size"
        )
    shown = tuple(sights(world) if shown is None else shown)
    found = detections(shown, world.timing.t_s, scene, options.errors, seed)
    frames = _stamped(world)
    given = [found[frame.index] for frame in frames]
    true_s = world.timing.t_s[[frame.index for frame in frames]]
    stamps_s = np.array([frame.t_s for frame in frames])
    provenance = provenance or Provenance(f"{world.name}:{world.seed}:{seed}", "", "", "0")
    session = Session(
        _tracker(scene, given, options, seed),
        KnownSignals(world, true_s, stamps_s, options.signals),
        new_rules(scene, rules, provenance),
        None if options.every_frame else new_attention(scene, rules),
    )
    findings: list[Finding] = []
    tracks: dict[int, Track] = {}
    looks, free_s = 0, -np.inf
    for number, (frame, seen) in enumerate(zip(frames, given, strict=True)):
        unseen = _without_picture(scene, number, frame)
        if frame.t_s < free_s or not session.wants(unseen):
            continue
        looks += 1
        free_s = max(free_s + 1.0 / options.most_looks_per_s, frame.t_s)
        step = session.process(unseen, seen.detections)
        each(step)
        findings += step.findings
        tracks.update(step.observation.histories)
    last = session.close()
    return FastRun((*findings, *(last.findings if last else ())), tracks, shown, stamps_s, looks)


# No picture is drawn; these two say that something changes from each frame to the next.
_CHANGING = (np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8))


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A frame of the world with the time its reader gives it."""

    index: int
    t_s: float
    repaired: bool


def _stamped(world: World) -> list[_Stamped]:
    """The frames as a reader hands them on: stamps repaired, from zero on."""
    repair: StampRepair[int] = StampRepair()
    ticks = np.round(world.timing.stamps_s * _TICKS_PER_S).astype(np.int64)
    read = [one for i, tick in enumerate(ticks) for one in repair.push(i, int(tick))]
    read += repair.flush()
    if not read:
        return []
    zero = read[0].stamp
    return [_Stamped(r.item, (r.stamp - zero) / _TICKS_PER_S, r.repaired) for r in read]


def _without_picture(scene: Scene, number: int, stamped: _Stamped) -> Frame:
    size = (scene.width_px, scene.height_px)
    info = FrameInfo(scene.camera_id, number, stamped.t_s, None, *size, stamped.repaired)
    return Frame(info, _CHANGING[number % 2])


def _tracker(scene: Scene, given: Sequence[Seen], options: FastOptions, seed: int) -> Tracker:
    if options.mixups is None:
        return RoadPlaneTracker(scene)
    return KnownIdentities(scene, given, options.mixups, seed)
