"""One world in the fast mode, judged by its truth."""

import math
from dataclasses import dataclass, replace

from traffic_ai.core.violation import NearMiss, Violation
from traffic_ai.evaluate.boxes import BoxPath
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.judging import Parameters
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.truth import Truth
from traffic_ai.evaluate.truth_document import truth_of
from traffic_ai.simulate.fast.identities import Mixups
from traffic_ai.simulate.fast.run import FastOptions, FastRun, run_fast
from traffic_ai.simulate.fast.sights import visible_shares
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.truth_file import truth_document
from traffic_ai.simulate.world import World


@dataclass(frozen=True, slots=True)
class LookAt:
    """What is made worse than the default detector and tracker: noise on every edge of every box
    (SD in the picture's pixels, changing in extra_s), identities swapped and broken. every_frame:
    look at every frame, where a run chooses those that matter. most_looks_per_s: of those no more
    than that, as on a machine too slow for them.
    """

    extra_px: float = 0.0
    extra_s: float = 0.0
    swaps_per_s: float = 0.0
    breaks_per_s: float = 0.0
    every_frame: bool = False
    most_looks_per_s: float = math.inf

    def options(self, world: World) -> FastOptions:
        mixups = None
        if self.swaps_per_s or self.breaks_per_s:
            mixups = Mixups(self.swaps_per_s, self.breaks_per_s)
        plain = FastOptions.of(world)
        return replace(
            plain,
            errors=plain.errors.with_noise(self.extra_px, self.extra_s),
            mixups=mixups,
            every_frame=self.every_frame,
            most_looks_per_s=self.most_looks_per_s,
        )


@dataclass(frozen=True, eq=False)
class Driven:
    """A world's fast run, what is true of it, and how it was judged."""

    world: World
    run: FastRun
    truth: Truth
    report: Report


def drive(world: World, seed: int, look_at: LookAt | None = None) -> Driven:
    """The world through tracker and rules, and what of it was right."""
    camera = world_camera(world)
    scene = camera.scene(world.camera.width_px, world.camera.height_px)
    options = (look_at or LookAt()).options(world)
    run = run_fast(world, scene, camera.rules, seed, options)
    shares = visible_shares(run.sights, len(world.timing.t_s))
    truth = truth_of(truth_document(world, shares))
    report = evaluate(
        [f for f in run.findings if isinstance(f, Violation)],
        [f for f in run.findings if isinstance(f, NearMiss)],
        truth,
        Parameters.of(camera.rules, scene),
        {number: BoxPath.of_track(track) for number, track in run.tracks.items()},
    )
    return Driven(world, run, truth, report)
