"""Tuning: which engine looks fastest on this machine and still finds the same.

Every engine that is installed is tried, those that count in eight bits on a graph made here. It is
compared to the weights as they are in ONNX Runtime: its boxes on pictures that the eight-bit graph
was not made with, and what is reported with it in footage. Then it is timed beside them, taking
turns, so that a busy machine slows all alike; the fastest with several pictures at once too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.core.kinds import Engine
from traffic_ai.core.violation import Finding, Provenance, Violation
from traffic_ai.detectors.agreement import Agreement, compare
from traffic_ai.detectors.batch_rates import BatchRate, batch_rates, best_batch_size
from traffic_ai.detectors.engines import BATCH_SIZES, EngineChoice, engines_here, open_session
from traffic_ai.detectors.exported import Export
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.networks import CutNetwork
from traffic_ai.detectors.prepared import (
    Prepared,
    int8_path,
    int8_paths,
    keep_prepared,
    keeps_apart,
)
from traffic_ai.detectors.quantise import in_eight_bits
from traffic_ai.detectors.regions import Box, RegionDetector
from traffic_ai.detectors.remembered import Remembered, remember
from traffic_ai.detectors.yolo import YoloDetector
from traffic_ai.sources.file import VideoFile
from traffic_ai.wiring import new_session, open_site, scene_detector

WORTH = 0.95  # a look must take less than this share of the default's time to be chosen
_AS_GOOD = 1.03  # what is no slower than this is as good, and fewer threads decide
_ROUNDS = 15
SAME_EVENT_S = 1.0  # apart, at most, are the moments of one violation by two engines
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as a camera of the site gives it, the regions it is looked at in besides, and the
    part of it that is looked at as a whole, if not all.
    """

    picture: Image
    regions_px: tuple[Box, ...] = ()
    area_px: Box | None = None


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip and the site file whose first camera it is of."""

    video: Path
    site: Path


@dataclass(frozen=True, slots=True)
class Trial:
    """An engine with a number of threads.

    look_ms, cpu_ms: median time and processor time of a look at every picture, each once; ratio:
    median of its time by the default's in the same turn. agreement: None for the reference itself.
    problems: why it cannot be used; nothing is measured of one that does not start. batches: of the
    chosen one, what several pictures at once give.
    """

    choice: EngineChoice
    look_ms: float = float("nan")
    cpu_ms: float = float("nan")
    ratio: float = float("nan")
    agreement: Agreement | None = None
    problems: tuple[str, ...] = ()
    batches: tuple[BatchRate, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures (H, W, 3) BGR: to make the eight-bit graph with, and others to compare on. footage:
    what is reported in it is compared too.
    """

    made_with: Sequence[Image]
    compared_on: Sequence[Image]
    footage: Sequence[Footage] = ()


class Tuning:
    """One model at one size. weights: an ONNX file; looks: what the site asks of the detector.

    Raises ModelError where the weights cannot be run at all, or only at the size of their export.
    """

    def __init__(self, weights: Path, size_px: int, looks: Sequence[Look], folder: Path) -> None:
        self._weights, self._size_px, self._looks = weights, size_px, tuple(looks)
        self._folder = folder
        self._weights_hash = sha256_of(weights)
        export = Export(weights.read_bytes(), str(weights), EngineChoice().thread_count)
        prepared = export.prepare()
        if prepared is None:
            raise ModelError(
                f"{weights} runs only as it was exported; there is nothing to choose from"
            )
        self._float = prepared
        self._int8: Prepared | None = None

    def run(self, material: Material, say: Say, rounds: int = _ROUNDS) -> tuple[list[Trial], Trial]:
        """Try every engine; all trials, the default first, and the best that can be used, with the
        number of pictures at once that is best for it.

        The choice and the eight-bit graph are kept. say: is told what goes on. Raises OSError where
        they cannot be.
        """
        say("making the eight-bit graph")
        self._int8, trouble = self._eight_bits(material.made_with)
        judged = self._judge(material, trouble, say)
        say("timing")
        trials = self._timed(judged, rounds)
        fastest = best(trials)
        say("timing several pictures at once")
        chosen = self._batched(fastest, max(1, rounds // 3))
        trials[trials.index(fastest)] = chosen
        self._keep(trials, chosen)
        return trials, chosen

    def _eight_bits(self, pictures: Sequence[Image]) -> tuple[Prepared | None, str]:
        try:
            return in_eight_bits(self._float, pictures, self._size_px), ""
        except ModelError as error:
            return None, str(error)

    def _judge(self, material: Material, trouble: str, say: Say) -> dict[Engine, Trial]:
        """Of every engine whether it starts, finds and reports what the default does."""
        default = self._detector(EngineChoice())
        wanted = [default.detect(picture) for picture in material.compared_on]
        said: list[list[Violation]] = []
        judged = {Engine.ORT: Trial(EngineChoice())}
        for engine in engines_here():
            choice = EngineChoice(engine)
            if engine.is_int8 and self._int8 is None:
                judged[engine] = Trial(choice, problems=(trouble,))
            elif engine is not Engine.ORT:
                say(f"comparing {engine}")
                trial = self._compared(choice, material.compared_on, wanted)
                if not trial.problems and material.footage:
                    said = said or [reported(footage, default) for footage in material.footage]
                    trial = replace(trial, problems=self._verdicts(choice, material.footage, said))
                judged[engine] = trial
        return judged

    def _verdicts(
        self, choice: EngineChoice, footage: Sequence[Footage], wanted: Sequence[list[Violation]]
    ) -> tuple[str, ...]:
        """What is reported with an engine and not with the default, or the other way round."""
        detector = self._detector(choice)
        return tuple(
            problem
            for one, expected in zip(footage, wanted, strict=True)
            for problem in differences(one, expected, reported(one, detector))
        )

    def _compared(
        self, choice: EngineChoice, pictures: Sequence[Image], reference: Sequence[Detections]
    ) -> Trial:
        try:
            detector = self._detector(choice)
            agreement = compare(reference, [detector.detect(picture) for picture in pictures])
        except ModelError as error:
            return Trial(choice, problems=(str(error),))
        return Trial(choice, agreement=agreement, problems=tuple(agreement.problems()))

    def _timed(self, judged: dict[Engine, Trial], rounds: int) -> list[Trial]:
        trials = []
        for trial in judged.values():
            unusable = trial.agreement is None and trial.problems
            if unusable:
                trials.append(trial)
                continue
            engine = trial.choice.engine
            counts = thread_counts(engine)
            trials += [replace(trial, choice=EngineChoice(engine, n)) for n in counts]
        running = [i for i, t in enumerate(trials) if t.agreement is not None or not t.problems]
        looks = [self._looking(trials[i].choice) for i in running]
        for look in looks:
            look()
        wall_s, cpu_s = np.zeros((2, rounds, len(looks)))
        for turn in range(rounds):
            for i, look in enumerate(looks):
                wall, cpu = time.perf_counter(), time.process_time()
                look()
                wall_s[turn, i] = time.perf_counter() - wall
                cpu_s[turn, i] = time.process_time() - cpu
        base = next(k for k, i in enumerate(running) if trials[i].choice == default_choice())
        ratio = np.median(wall_s / wall_s[:, base : base + 1], axis=0)
        for k, i in enumerate(running):
            trials[i] = replace(
                trials[i],
                look_ms=float(1e3 * np.median(wall_s[:, k])),
                cpu_ms=float(1e3 * np.median(cpu_s[:, k])),
                ratio=float(ratio[k]),
            )
        return sorted(trials, key=lambda t: t.choice != default_choice())

    def _batched(self, trial: Trial, rounds: int) -> Trial:
        """The trial with the number of pictures at once that is best for it."""
        choice, network = trial.choice, self._network(trial.choice)
        looks = {
            size: self._cameras(self._detector(replace(choice, batch_size=size), network))
            for size in (BATCH_SIZES if keeps_apart(network) else (1,))
        }
        rates = batch_rates(looks, rounds)
        choice = replace(choice, batch_size=best_batch_size(rates))
        return replace(trial, choice=choice, batches=rates)

    def _looking(self, choice: EngineChoice) -> Callable[[], None]:
        cameras = self._cameras(self._detector(choice))

        def look() -> None:
            for camera in cameras:
                camera()

        return look

    def _cameras(self, detector: YoloDetector) -> list[Callable[[], Detections]]:
        """Of each picture a call that looks at it once."""
        return [
            partial(RegionDetector(detector, look.regions_px, look.area_px).detect, look.picture)
            for look in self._looks
        ]

    def _detector(self, choice: EngineChoice, network: CutNetwork | None = None) -> YoloDetector:
        return YoloDetector(
            network or self._network(choice),
            choice.model_hash(self._weights_hash),
            size_px=self._size_px,
            batch_size=choice.batch_size,
        )

    def _network(self, choice: EngineChoice) -> CutNetwork:
        prepared = self._int8 if choice.engine.is_int8 else self._float
        assert prepared is not None
        return prepared.network(open_session(prepared.graph, str(self._weights), choice))

    def _keep(self, trials: Sequence[Trial], chosen: Trial) -> None:
        """Keep the choice and its eight-bit graph. A graph counts only once the choice names it,
        so that none is used that was not found good, whenever this ends.
        """
        accepted = tuple(dict.fromkeys(t.choice.engine for t in trials if not t.problems))
        key = self._weights_hash, self._size_px
        graph_hash, path = "", None
        if self._int8 is not None and any(engine.is_int8 for engine in accepted):
            graph_hash = self._int8.graph_hash
            path = int8_path(self._folder, *key, graph_hash)
            keep_prepared(path, self._weights_hash, self._int8)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        found = Remembered(chosen.choice, chosen.ratio, accepted, moment, graph_hash)
        remember(self._folder, *key, found)
        for other in int8_paths(self._folder, *key):
            if other != path:
                other.unlink(missing_ok=True)


def default_choice() -> EngineChoice:
    """What runs where nothing is remembered, with its threads counted."""
    return EngineChoice(Engine.ORT, EngineChoice().thread_count)


def thread_counts(engine: Engine) -> list[int]:
    """The numbers of threads an engine is tried with; a card needs no more than one number."""
    most = EngineChoice().thread_count
    if engine in (Engine.CUDA, Engine.TENSORRT):
        return [most]
    return sorted({1, max(1, most // 2), most})


def best(trials: Sequence[Trial]) -> Trial:
    """The trial to choose; the default (the first) unless another is clearly faster.

    Of those that are as fast the one with the fewest threads: the cores have other work too.
    """
    usable = [t for t in trials if not t.problems and np.isfinite(t.ratio)]
    fastest = min(t.ratio for t in usable)
    if fastest >= WORTH:
        return trials[0]
    near = [t for t in usable if t.ratio <= _AS_GOOD * fastest]
    order = list(Engine)
    return min(near, key=lambda t: (t.choice.threads or 0, order.index(t.choice.engine)))


def reported(footage: Footage, detector: YoloDetector) -> list[Violation]:
    """What is reported in footage, as `process` does at its defaults."""
    camera = open_site(footage.site).cameras[0]
    video = VideoFile(footage.video, camera.id)
    try:
        scene = camera.scene(video.width_px, video.height_px)
        session = new_session(scene, camera, Provenance("", "", "", ""), every_frame=False)
        eyes, findings = scene_detector(detector, scene), list[Finding]()
        for frame in video.frames():
            if session.wants(frame):
                findings += session.process(frame, eyes.detect(frame.image)).findings
        last = session.close()
    finally:
        video.close()
    findings += last.findings if last is not None else ()
    return [finding for finding in findings if isinstance(finding, Violation)]


def differences(
    footage: Footage, wanted: Sequence[Violation], found: Sequence[Violation]
) -> list[str]:
    """Violations of the one list without a counterpart in the other, in words."""
    lost, gained = unmatched(wanted, found)
    return [
        f"{verb} {one.kind} in lane {one.lane_id} at {one.t_s:.1f} s of {footage.video.name}"
        for verb, those in (("misses", lost), ("makes up", gained))
        for one in those
    ]


def unmatched(
    wanted: Sequence[Violation], found: Sequence[Violation]
) -> tuple[list[Violation], list[Violation]]:
    """Those of each list that stand for none of the other, of the same kind and lane at nearly the
    same moment; the nearest in time stand together.
    """
    gaps = sorted(
        (abs(one.t_s - other.t_s), i, j)
        for i, one in enumerate(wanted)
        for j, other in enumerate(found)
        if (one.kind, one.lane_id) == (other.kind, other.lane_id)
    )
    lost, gained = dict(enumerate(wanted)), dict(enumerate(found))
    for gap_s, i, j in gaps:
        if gap_s <= SAME_EVENT_S and i in lost and j in gained:
            del lost[i], gained[j]
    return list(lost.values()), list(gained.values())
