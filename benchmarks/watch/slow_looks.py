"""Live cameras on a machine on which a look takes so long: what is lost, in simulated time.

    python -m benchmarks.watch.slow_looks [--look-ms 20 34 45 60 80] [--cameras 6] [--rounds 6]

The cameras show the sample junction again and again, as in `live_traffic`; here nobody waits. The
detector looks once at every picture, which `--cache` keeps; then the watch's way of choosing the
next frame is played with looks that take about the given time on `--cores` cores. Each camera shows
another moment of the clip, or with --together all the same one, which is the hardest. The first
row is that of a look that takes no time: all that may be decided.
"""

import argparse
import heapq
import pickle
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo, Image
from traffic_ai.core.violation import NearMiss, Provenance, Violation
from traffic_ai.pipeline import Session
from traffic_ai.signals.reader import SceneSignals
from traffic_ai.sources.file import VideoFile
from traffic_ai.watch.camera import LEAST_PAUSE_S
from traffic_ai.wiring import (
    DetectorOptions,
    load_detector,
    new_session,
    open_site,
    scene_detector,
)

ROOT = Path(__file__).parents[2]
VIDEO, SITE = ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"
READ_S = 0.0005  # a frame that is not looked at: its lamps are read
IDLE_S = 0.005  # as in `watch.crew`
NOWHERE = Provenance("", "", "", "")
EVENT_S = 3.0


@dataclass(frozen=True)
class Seen:
    """A picture of the clip, as far as the session looks at it, and what is found in it."""

    info: FrameInfo
    small: Image
    parts: dict[tuple[int, int, int, int], Image]
    found: Detections

    def frame(self, index: int, t_s: float) -> Frame:
        """The picture at another moment."""
        info = replace(self.info, index=index, t_s=t_s)
        return Frame(info, lambda: self.small, self.parts.__getitem__)


def clip(camera, cache):
    """The pictures of the sample, each looked at once by the default detector, without regions."""
    source = VideoFile(VIDEO, camera.id)
    size = source.width_px, source.height_px
    scene = replace(camera.scene(*size), detection_regions_px=())
    path = cache / "slow_looks.pickle"
    if not path.exists():
        detector = scene_detector(load_detector(DetectorOptions()), scene)
        lamps = SceneSignals(scene)
        seen = [look(frame, detector, lamps) for frame in source.frames()]
        cache.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(seen))
    source.close()
    return scene, pickle.loads(path.read_bytes())


def look(frame, detector, lamps):
    """What of a frame is to be kept."""
    parts = {}

    def part(box_px):
        x0, y0, x1, y1 = box_px
        parts[box_px] = frame.image[y0:y1, x0:x1].copy()
        return parts[box_px]

    lamps.read(Frame(frame.info, lambda: frame.image, part))
    small = cv2.resize(frame.image, (160, 90), interpolation=cv2.INTER_AREA)
    return Seen(replace(frame.info, captured_at=None), small, parts, detector.detect(frame.image))


@dataclass
class Camera:
    """A camera that shows the clip from its frame `first` on, `count` frames."""

    seen: list[Seen]
    session: Session
    first: int
    count: int
    step_s: float
    taken: int = -1
    worked_s: float = 0.0
    looks: int = 0
    findings: list = field(default_factory=list)

    def waiting(self, now_s):
        """The number of the newest frame, None if it was taken up already."""
        newest = min(int(now_s / self.step_s), self.count - 1)
        return newest if newest > self.taken else None

    def need(self, now_s):
        """As `WatchedCamera.need`."""
        return (now_s - self.worked_s) / max(self.session.pause_s, LEAST_PAUSE_S)

    def work(self, now_s, look_s):
        """Take up the newest frame; when it is done with."""
        self.worked_s, self.taken = now_s, self.waiting(now_s)
        place = self.first + self.taken
        frame = self.seen[place % len(self.seen)].frame(place, place * self.step_s)
        if not self.session.wants(frame):
            return now_s + READ_S
        self.looks += 1
        found = self.seen[place % len(self.seen)].found
        self.findings += self.session.process(frame, found).findings
        return now_s + look_s


def play(cameras, cores, look_s, spread):
    """Let so many threads go round the cameras until their frames are over."""
    chance = random.Random(1)
    free = [(0.0, thread, None) for thread in range(cores)]
    end_s = cameras[0].count * cameras[0].step_s
    while free:
        now_s, thread, _ = heapq.heappop(free)
        busy = {id(camera) for _, _, camera in free}
        ready = [c for c in cameras if id(c) not in busy and c.waiting(now_s) is not None]
        if ready:
            chosen = max(ready, key=lambda camera: camera.need(now_s))
            lasts_s = look_s * chance.lognormvariate(0.0, spread)
            heapq.heappush(free, (chosen.work(now_s, lasts_s), thread, chosen))
        elif now_s < end_s:
            heapq.heappush(free, (now_s + IDLE_S, thread, None))
    for camera in cameras:
        camera.findings += camera.session.close().findings


def run(site, scene, seen, options, look_s):
    """The cameras after their rounds."""
    step_s = float(np.median(np.diff([one.info.t_s for one in seen])))
    count = options.rounds * len(seen)
    cameras = []
    for number in range(options.cameras):
        first = 0 if options.together else number * len(seen) // options.cameras
        session = new_session(scene, site, NOWHERE, every_frame=look_s is None)
        cameras.append(Camera(seen, session, first, count, step_s))
    play(cameras, options.cores if look_s else len(cameras), look_s or 0.0, options.spread)
    return cameras


def told(cameras, kind_of_finding, period_s):
    """Kind, lane, moment in the clip and reason, if any, of what was found."""
    return [
        (one.kind.value, one.lane_id, one.t_s % period_s, getattr(one, "reason", ""))
        for camera in cameras
        for one in camera.findings
        if isinstance(one, kind_of_finding)
    ]


def by_event(found, known):
    """How often each event was found, by kind, lane, second in the clip and reason; `known` ones
    are the same where no more than EVENT_S lie between.
    """
    counts = Counter()
    for kind, lane_id, t_s, reason in sorted(found):
        same = [
            event
            for event in (*known, *counts)
            if event[:2] == (kind, lane_id)
            and event[3] == reason
            and abs(event[2] - t_s) <= EVENT_S
        ]
        counts[same[0] if same else (kind, lane_id, round(t_s), reason)] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--look-ms", type=float, nargs="+", default=[20.0, 34.0, 45.0, 60.0, 80.0])
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6, help="of the clip, 42 s each")
    parser.add_argument("--spread", type=float, default=0.3, help="of a look's time's logarithm")
    parser.add_argument("--together", action="store_true", help="all show the same moment")
    parser.add_argument("--why", action="store_true", help="what is lost, and the near misses")
    parser.add_argument("--cache", type=Path, default=Path("out/watch"))
    options = parser.parse_args()
    [site] = open_site(SITE).cameras
    scene, seen = clip(site, options.cache)
    period_s = len(seen) * (seen[-1].info.t_s - seen[0].info.t_s) / (len(seen) - 1)
    seconds = options.rounds * period_s * options.cameras
    due = Counter()
    for look_ms in (0.0, *options.look_ms):
        cameras = run(site, scene, seen, options, look_ms / 1000.0)
        violations = told(cameras, Violation, period_s)
        here = by_event(violations, due)
        due = due or here
        rate = sum(camera.looks for camera in cameras) / seconds
        kinds = dict(sorted(Counter(kind for kind, _, _, _ in violations).items()))
        print(f"{look_ms:.0f} ms, {rate:.1f} looks a second a camera:", kinds, flush=True)
        if options.why:
            for event in sorted(due | here):
                if due[event] != here[event]:
                    print("    ", *event, f"{here[event]} of {due[event]}")
            for event, count in sorted(by_event(told(cameras, NearMiss, period_s), ()).items()):
                print("     near:", *event, count)


if __name__ == "__main__":
    main()
