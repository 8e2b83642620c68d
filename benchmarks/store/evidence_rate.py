"""How fast evidence is written: packages a second, and what one takes.

    .venv/bin/python -m benchmarks.store.evidence_rate [--count 100] [--folder FOLDER]

The violations of the sample junction's first seconds, each many times under a new id: stills,
clip, manifest, grounds and seal, durably on the disk, one after the other, as the one thread does
that writes them beside the analysis.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from traffic_ai import __version__
from traffic_ai.core.violation import Provenance, Violation
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0, help="of the clip that is analysed")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary one else")
    options = parser.parse_args()
    camera = open_site(SITE).cameras[0]
    detector = load_detector(DetectorOptions())
    video = VideoFile(VIDEO, camera.id)
    scene = camera.scene(video.width_px, video.height_px)
    provenance = Provenance(
        content_hash(VIDEO), camera.config_hash, detector.model_hash, __version__
    )
    session = new_session(scene, camera, provenance, every_frame=False)
    eyes = scene_detector(detector, scene)
    found: list[tuple[Violation, Step]] = []
    for frame in video.frames():
        if frame.info.t_s > options.seconds:
            break
        if session.wants(frame):
            step = session.process(frame, eyes.detect(frame.image))
            found += [(one, step) for one in step.findings if isinstance(one, Violation)]
    if not found:
        raise SystemExit(f"no violation in the first {options.seconds} s; give more --seconds")
    grounds = camera_grounds(camera, scene, detector)
    footage = FileFootage(VIDEO, camera.id, None)
    with tempfile.TemporaryDirectory() as name:
        recorder = EvidenceRecorder(options.folder or Path(name), time_zone=camera.time_zone)
        took_s, cpu_s = [], time.process_time()
        for number in range(options.count):
            violation, step = found[number % len(found)]
            again = dataclasses.replace(violation, id=f"{number:032x}")
            decision = step.decisions.get(violation.id)
            begin_s = time.perf_counter()
            recorder.record(
                again,
                footage,
                scene,
                step.observation.signals,
                None if decision is None else Grounds(grounds, decision),
            )
            took_s.append(time.perf_counter() - begin_s)
        cpu_s = time.process_time() - cpu_s
    print(
        f"{options.count} packages of {len(found)} violations: "
        f"{options.count / sum(took_s):.1f} a second; one takes {1000 * np.median(took_s):.0f} ms "
        f"(99 %: {1000 * np.quantile(took_s, 0.99):.0f} ms), "
        f"{1000 * cpu_s / options.count:.0f} ms of processor time"
    )


if __name__ == "__main__":
    main()
