"""Live cameras of 1280x720 at 25 frames a second with the real detector: lag, rates, violations.

    python -m benchmarks.watch.live_traffic [--cameras 6] [--minutes 60] [--regions]

Each camera shows the simulated sample junction again and again; what a run on the file finds in it
is due in each round, and records are held against that one by one (`rounds`). No evidence is
written, and the sample's detection region, a second look at part of every picture, is left out
unless --regions is given, on both sides. Needs GStreamer's RTSP server, as the tests marked `rtsp`
do. Several numbers of cameras are watched one after the other.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import yaml

from benchmarks.clips import duration_s
from benchmarks.watch import rounds
from benchmarks.watch.eight_cameras import cpu_s, proportional_mb, resident_mb
from tests.rtsp import Server
from tests.watching import Running
from traffic_ai.batch.run import Batch
from traffic_ai.core.memory import leave_alone_what_is_loaded
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME
from traffic_ai.wiring import DetectorOptions, load_detector, open_site

ROOT = Path(__file__).parents[2]
VIDEO, SITE = ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"
SETTLE_S = 6.0


class Quiet:
    """A listener of the run on the file that says nothing."""

    def file_begins(self, path, number, total, duration_s):
        pass

    def frame_done(self, t_s, from_log):
        pass

    def violation_found(self, violation):
        pass

    def file_ended(self, outcome):
        pass


class Watched(Running):
    """A watch of which no more than the lags is kept: an hour's views would count as its memory."""

    def __init__(self, *arguments, **named):
        self.lags_s = []
        super().__init__(*arguments, **named)

    def _show(self, views, upkeep):
        super()._show(views, upkeep)
        self.history.clear()
        self.lags_s.append((time.monotonic(), [view.lag_s for view in views]))


def site_of(folder, sources, regions):
    """The sample's site, with a camera for each source."""
    document = yaml.safe_load(SITE.read_text())
    [camera] = document["cameras"]
    camera.pop("start_time", None)
    if not regions:
        camera.pop("detection_regions", None)
    document["cameras"] = [
        {**camera, "id": f"c{n}", "source": source} for n, source in enumerate(sources)
    ]
    path = folder / f"{len(sources)}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def withheld(run_folder):
    """Near misses by kind and reason."""
    with ViolationStore.open(run_folder / STORE_NAME, read_only=True) as store:
        return Counter(f"{one.kind.value} {one.reason}" for one in store.near_misses())


def offline(folder, detector, regions):
    """Analyse one round as a file."""
    site = open_site(site_of(folder, [str(VIDEO)], regions))
    Batch(site, folder / "file", detector, write_evidence=False).run([VIDEO], Quiet())


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def measure(running, seconds):
    """Lag, rates and what they cost over so many seconds, as a dictionary."""
    running.until(lambda views: all(v.status.state == "live" for v in views.values()), 120.0)
    began_s, own_s = time.monotonic(), time.process_time()
    readers = {view.reader_pid: cpu_s(view.reader_pid) for view in running.views.values()}
    threading.Event().wait(seconds)
    lasted_s = time.monotonic() - began_s
    views = running.views.values()
    lags_s = [
        lag_s for at_s, lags_s in running.lags_s if at_s > began_s + SETTLE_S for lag_s in lags_s
    ]
    looks = sum(view.inference_count for view in views)
    return {
        "seconds": lasted_s,
        "lag_p50_s": percentile(lags_s, 0.5),
        "lag_p99_s": percentile(lags_s, 0.99),
        "lag_most_s": max(lags_s),
        "received_fps": [round(view.status.received_fps, 1) for view in views],
        "analysed_fps": [round(view.analysed_count / lasted_s, 1) for view in views],
        "looks_a_second": looks / lasted_s,
        "ms_a_look": 1000.0 * sum(view.inference_s for view in views) / max(looks, 1),
        "watch_cores": (time.process_time() - own_s) / lasted_s,
        "reader_cores": sum(cpu_s(p) - before for p, before in readers.items()) / lasted_s,
        "reader_mb": max(map(resident_mb, readers)),
        "watch_mb": resident_mb("self"),
        "together_mb": proportional_mb("self") + sum(map(proportional_mb, readers)),
    }


def watched(folder, detector, cameras, seconds, regions):
    """So many cameras live, and what of each round was found, as a dictionary."""
    offline(folder, detector, regions)
    server = Server(VIDEO)
    site = site_of(folder, [server.url()] * cameras, regions)
    leave_alone_what_is_loaded()
    running = Watched(site, folder / "out", detector, write_evidence=False, every_frame=False)
    try:
        result = measure(running, seconds)
    finally:
        running.stop()
        server.kill()
    found = rounds.of_folder(folder, duration_s(VIDEO))
    print(rounds.told(folder, found), file=sys.stderr)
    result |= {"cameras": cameras} | found.document()
    result["withheld_a_round"] = dict(withheld(folder / "file"))
    result["withheld"] = dict(withheld(folder / "out"))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, nargs="+", default=[6])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--regions", action="store_true")
    parser.add_argument("--out", type=Path, help="keep the run folders here")
    options = parser.parse_args()
    detector = load_detector(DetectorOptions())
    with tempfile.TemporaryDirectory() as name:
        for cameras in options.cameras:
            folder = (options.out or Path(name)) / f"{cameras}"
            folder.mkdir(parents=True, exist_ok=True)
            seconds = 60.0 * options.minutes
            result = watched(folder, detector, cameras, seconds, options.regions)
            print(json.dumps(result, indent=2), flush=True)


if __name__ == "__main__":
    main()
