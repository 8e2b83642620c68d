"""Tuning: which engine looks fastest on this machine and still finds the same.

Every engine that is installed is tried, those that count in eight bits on a graph made here. It is
compared to the weights as they are in ONNX Runtime, on pictures that the eight-bit graph was not
made with, and timed beside it, taking turns, so that a busy machine slows all alike.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.core.frame import Image
from traffic_ai.core.kinds import Engine
from traffic_ai.detectors.agreement import Agreement, compare
from traffic_ai.detectors.engines import EngineChoice, engines_here, open_session
from traffic_ai.detectors.exported import Export
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.prepared import Prepared, int8_path, keep_prepared
from traffic_ai.detectors.quantise import in_eight_bits
from traffic_ai.detectors.regions import Box, RegionDetector
from traffic_ai.detectors.remembered import Remembered, remember
from traffic_ai.detectors.yolo import YoloDetector

WORTH = 0.95  # a look must take less than this share of the default's time to be chosen
_AS_GOOD = 1.03  # what is no slower than this is as good, and fewer threads decide
_ROUNDS = 15
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as a camera of the site gives it, and the regions it is looked at in besides."""

    picture: Image
    regions_px: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """An engine with a number of threads.

    look_ms, cpu_ms: median time and processor time of a look at every picture, each once; ratio:
    median of its time by the default's in the same turn. agreement: None for the reference itself.
    problems: why it cannot be used; nothing is measured of one that does not start.
    """

    choice: EngineChoice
    look_ms: float = float("nan")
    cpu_ms: float = float("nan")
    ratio: float = float("nan")
    agreement: Agreement | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures (H, W, 3) BGR: to make the eight-bit graph with, and others to compare on."""

    made_with: Sequence[Image]
    compared_on: Sequence[Image]


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
        """Try every engine; all trials, the default first, and the best that can be used.

        The choice and the eight-bit graph are kept. say: is told what goes on. Raises OSError where
        they cannot be.
        """
        say("making the eight-bit graph")
        self._int8, trouble = self._eight_bits(material.made_with)
        judged = self._judge(material.compared_on, trouble, say)
        say("timing")
        trials = self._timed(judged, rounds)
        chosen = best(trials)
        self._keep(trials, chosen)
        return trials, chosen

    def _eight_bits(self, pictures: Sequence[Image]) -> tuple[Prepared | None, str]:
        try:
            return in_eight_bits(self._float, pictures, self._size_px), ""
        except ModelError as error:
            return None, str(error)

    def _judge(self, pictures: Sequence[Image], trouble: str, say: Say) -> dict[Engine, Trial]:
        """Of every engine whether it starts and finds what the default finds."""
        default = self._detector(EngineChoice())
        reference = [default.detect(picture) for picture in pictures]
        judged = {Engine.ORT: Trial(EngineChoice())}
        for engine in engines_here():
            choice = EngineChoice(engine)
            if engine.is_int8 and self._int8 is None:
                judged[engine] = Trial(choice, problems=(trouble,))
            elif engine is not Engine.ORT:
                say(f"comparing {engine}")
                judged[engine] = self._compared(choice, pictures, reference)
        return judged

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

    def _looking(self, choice: EngineChoice) -> Callable[[], None]:
        detector = self._detector(choice)
        views = [(look.picture, RegionDetector(detector, look.regions_px)) for look in self._looks]

        def look() -> None:
            for picture, view in views:
                view.detect(picture)

        return look

    def _detector(self, choice: EngineChoice) -> YoloDetector:
        prepared = self._int8 if choice.engine.is_int8 else self._float
        assert prepared is not None
        session = open_session(prepared.graph, str(self._weights), choice)
        name = choice.model_hash(self._weights_hash)
        return YoloDetector(prepared.network(session), name, size_px=self._size_px)

    def _keep(self, trials: Sequence[Trial], chosen: Trial) -> None:
        accepted = tuple(dict.fromkeys(t.choice.engine for t in trials if not t.problems))
        path = int8_path(self._folder, self._weights_hash, self._size_px)
        if self._int8 is not None and any(engine.is_int8 for engine in accepted):
            keep_prepared(path, self._weights_hash, self._int8)
        else:
            path.unlink(missing_ok=True)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        found = Remembered(chosen.choice, chosen.ratio, accepted, moment)
        remember(self._folder, self._weights_hash, self._size_px, found)


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
