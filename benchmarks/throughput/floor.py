"""What no analysis can go below: decoding alone, and alone the detector calls that a run made.

    python -m benchmarks.throughput.floor VIDEO SITE LOOKS.json

LOOKS.json: a list of the moments (s) that were looked at. Prints JSON: seconds on the clock and of
processor time of decoding (no picture converted) and of the detector's calls (pictures decoded and
converted before), with the detector's own choice of threads. Imports and loading are left out.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from traffic_ai.batch.files import camera_of
from traffic_ai.core.frame import Image
from traffic_ai.sources.file import VideoFile
from traffic_ai.sources.reading import Reading
from traffic_ai.wiring import DetectorOptions, load_detector, open_site, scene_detector

_HELD = 50  # pictures held at once


def main(video: Path, site: Path, looks_s: list[float]) -> dict[str, object]:
    """The two floors."""
    camera = camera_of(open_site(site), video, None)
    reading = Reading(video)
    scene = camera.scene(*reading.size_px)
    begin = _now()
    frames = sum(1 for _ in reading.shown())
    decode = _since(begin)
    reading.close()
    detector = scene_detector(load_detector(DetectorOptions()), scene)
    detect = (0.0, 0.0)
    for images in _chunks(_looked_at(video, looks_s)):
        begin = _now()
        for image in images:
            detector.detect(image)
        spent = _since(begin)
        detect = (detect[0] + spent[0], detect[1] + spent[1])
    return {"frames": frames, "decode_s": decode, "looks": len(looks_s), "detect_s": detect}


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _since(begin: tuple[float, float]) -> tuple[float, float]:
    clock_s, cpu_s = _now()
    return clock_s - begin[0], cpu_s - begin[1]


def _looked_at(video: Path, looks_s: list[float]) -> Iterator[Image]:
    wanted, source = set(looks_s), VideoFile(video, "floor")
    for frame in source.frames():
        if frame.info.t_s in wanted:
            yield frame.image
    source.close()


def _chunks(images: Iterable[Image]) -> Iterator[list[Image]]:
    held: list[Image] = []
    for image in images:
        held.append(image)
        if len(held) == _HELD:
            yield held
            held = []
    if held:
        yield held


if __name__ == "__main__":
    looks = json.loads(Path(sys.argv[3]).read_text())
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), looks)))
