"""How fast evidence is written: packages a second, and what one takes.

    .venv/bin/python -m benchmarks.store.evidence_rate [--count 100] [--folder FOLDER]
    .venv/bin/python -m benchmarks.store.evidence_rate --per-second 10 --minutes 1 [--beside]

The violations of the sample junction's first seconds, each many times under a new id: stills,
clip, manifest, grounds and seal, durably on the disk, one after the other, as the one thread does
that writes them beside the analysis. With --per-second they come at that rate by the clock, each
moved to another moment of the clip, which is played so; with --beside the detector looks at
pictures meanwhile, as fast as it can.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from traffic_ai import __version__
from traffic_ai.batch.beside import BesideWriter
from traffic_ai.core.ports import Detector
from traffic_ai.core.replay import Difference
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import Provenance, Violation, document
from traffic_ai.evidence.grounds import Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.pipeline import Step
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.sources.footage import FileFootage
from traffic_ai.wiring import (
    DetectorOptions,
    camera_grounds,
    load_detector,
    new_session,
    open_site,
    scene_detector,
)

ROOT = Path(__file__).parents[2]
VIDEO, SITE = ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"


@dataclass(frozen=True, slots=True)
class Made:
    """What packages are made from. `found`: violations with the steps that brought them."""

    scene: Scene
    detector: Detector
    recorder: EvidenceRecorder
    footage: FileFootage
    found: Sequence[tuple[Violation, Grounds, Step]]
    duration_s: float

    def write(self, number: int, to_s: float | None = None) -> None:
        """Write the package of a violation under a new id, moved to another moment if given."""
        violation, grounds, step = self.found[number % len(self.found)]
        copy = replace(violation, id=f"{number:032x}")
        if to_s is not None:
            copy = moved(copy, to_s - violation.t_s)
            grounds = replace(grounds, camera=replace(grounds.camera, again=_as_found(self.found)))
        self.recorder.record(copy, self.footage, self.scene, step.observation.signals, grounds)

    def stills_s(self, number: int, to_s: float) -> Sequence[float]:
        """The stills of a violation that is moved."""
        violation = self.found[number % len(self.found)][0]
        return moved(violation, to_s - violation.t_s).stills_s


def moved(violation: Violation, by_s: float) -> Violation:
    """The violation as if it had happened at another moment."""
    before_s, at_s, after_s = (still_s + by_s for still_s in violation.stills_s)
    way = tuple(replace(point, t_s=point.t_s + by_s) for point in violation.trajectory)
    return replace(
        violation, t_s=violation.t_s + by_s, stills_s=(before_s, at_s, after_s), trajectory=way
    )


def _as_found(
    found: Sequence[tuple[Violation, Grounds, Step]],
) -> Callable[[Mapping[str, Any], str, str], Sequence[Difference]]:
    """Decides a moved violation again as it was found, where it was found."""

    def again(recorded: Mapping[str, Any], site_text: str, text: str) -> Sequence[Difference]:
        number = int(recorded["id"], 16) % len(found)
        violation, grounds, _ = found[number]
        return grounds.camera.again(document(violation), site_text, text)

    return again


@contextmanager
def prepared(folder: Path, seconds: float) -> Iterator[Made]:
    """The sample's violations until a moment, and what their packages are made with."""
    camera = open_site(SITE).cameras[0]
    detector = load_detector(DetectorOptions())
    video = VideoFile(VIDEO, camera.id)
    scene = camera.scene(video.width_px, video.height_px)
    provenance = Provenance(
        content_hash(VIDEO), camera.config_hash, detector.model_hash, __version__
    )
    session = new_session(scene, camera, provenance, every_frame=False)
    eyes = scene_detector(detector, scene)
    grounds = camera_grounds(camera, scene, detector)
    found: list[tuple[Violation, Grounds, Step]] = []
    for frame in video.frames():
        if frame.info.t_s > seconds:
            break
        if session.wants(frame):
            step = session.process(frame, eyes.detect(frame.image))
            found += [
                (one, Grounds(grounds, step.decisions[one.id]), step)
                for one in step.findings
                if isinstance(one, Violation)
            ]
    if not found:
        raise SystemExit(f"no violation in the first {seconds} s; give more --seconds")
    recorder = EvidenceRecorder(folder, time_zone=camera.time_zone)
    footage = FileFootage(VIDEO, camera.id, None)
    yield Made(scene, eyes, recorder, footage, found, video.duration_s or seconds)
    footage.close()


def one_after_the_other(made: Made, count: int) -> str:
    """Write packages as fast as it goes."""
    took_s, cpu_s = [], time.process_time()
    for number in range(count):
        begin_s = time.perf_counter()
        made.write(number)
        took_s.append(time.perf_counter() - begin_s)
    cpu_s = time.process_time() - cpu_s
    return (
        f"{count} packages of {len(made.found)} violations: "
        f"{count / sum(took_s):.1f} a second; one takes {1000 * np.median(took_s):.0f} ms "
        f"(99 %: {1000 * np.quantile(took_s, 0.99):.0f} ms), "
        f"{1000 * cpu_s / count:.0f} ms of processor time"
    )


def at_a_rate(made: Made, per_second: float, for_s: float, *, beside: bool) -> str:
    """Hand violations over by the clock, as the analysis does, and see how late packages are."""
    late_s: list[float] = []
    writing_s: list[float] = []
    frame = made.footage.stills([1.0])[0]
    writer, looks, cpu_s = BesideWriter(), 0, time.process_time()
    first_s = 1.0 - min(one.stills_s[0] - one.t_s for one, _, _ in made.found)
    span_s = made.duration_s - 3.0 - first_s
    span_s -= max(one.stills_s[2] - one.t_s for one, _, _ in made.found)

    def write(number: int, to_s: float, due_s: float) -> None:
        before_s = time.thread_time()
        made.write(number, to_s)
        writing_s.append(time.thread_time() - before_s)
        late_s.append(time.perf_counter() - due_s)

    begin_s, handed_late_s = time.perf_counter(), 0.0
    for number in range(round(per_second * for_s)):
        due_s = begin_s + number / per_second
        while (wait_s := due_s - time.perf_counter()) > 0:
            if beside:
                made.detector.detect(frame.image)
                looks += 1
            else:
                time.sleep(wait_s)
        to_s = first_s + (number / per_second) % span_s
        made.footage.foresee(made.stills_s(number, to_s))
        writer.hand_over(partial(write, number, to_s, due_s))
        handed_late_s = max(handed_late_s, time.perf_counter() - due_s)
    writer.finish()
    writer.close()
    took_s = time.perf_counter() - begin_s
    halves = np.array_split(np.array(late_s), 2)
    return (
        f"{per_second:g} a second for {for_s:g} s: written {np.median(late_s):.2f} s after "
        f"handing over (99 %: {np.quantile(late_s, 0.99):.2f} s; first half "
        f"{np.median(halves[0]):.2f}, second {np.median(halves[1]):.2f}), the analysis held up by "
        f"{handed_late_s:.2f} s at most; one takes {1000 * np.mean(writing_s):.0f} ms of processor "
        f"time; {looks / took_s:.1f} looks a second beside it, "
        f"{(time.process_time() - cpu_s) / took_s:.2f} cores"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0, help="of the clip that is analysed")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary one else")
    parser.add_argument("--per-second", type=float, help="violations, by the clock")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long at that rate")
    parser.add_argument("--beside", action="store_true", help="the detector looks meanwhile")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        prepared(options.folder or Path(name), options.seconds) as made,
    ):
        if options.per_second:
            rate, for_s = options.per_second, 60.0 * options.minutes
            print(at_a_rate(made, rate, for_s, beside=options.beside))
        else:
            print(one_after_the_other(made, options.count))


if __name__ == "__main__":
    main()
