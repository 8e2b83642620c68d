"""White blocks that drive across a dark picture, a site for them, and a detector that sees them.

A block that goes left drives against the one lane's direction, so small videos made on the spot
give real wrong-way violations, end to end. Run as a program this module is `traffic-ai` with that
detector in place of the network: `python -m tests.blocks process ...`.
"""

import json
import os
import signal
import sqlite3
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME

ROOT = Path(__file__).parents[1]
WIDTH_PX, HEIGHT_PX = 192, 108
STEP_MS = 80
BLOCK_PX = (24, 16)
MODEL_HASH = "b" * 64

CAMERA = """\
  - id: {id}
    lanes:
      - id: east
        polygon: [[0.01, 0.3], [0.99, 0.3], [0.99, 0.8], [0.01, 0.8]]
        direction: [[0.02, 0.55], [0.98, 0.55]]
    rules:
      wrong_way:
"""


@dataclass(frozen=True)
class Block:
    """Crosses the picture in `lasts_s`, leftwards against the lane's direction."""

    at_s: float
    lasts_s: float = 1.6
    leftwards: bool = True
    y_px: int = 60

    def box(self, t_s):
        """(x0, y0, x1, y1) of the block's visible part, None when it is away."""
        share = (t_s - self.at_s) / self.lasts_s
        if not 0.0 <= share <= 1.0:
            return None
        way = WIDTH_PX - BLOCK_PX[0] - 4
        x0 = round(2 + way * (1.0 - share if self.leftwards else share))
        return x0, self.y_px, x0 + BLOCK_PX[0], self.y_px + BLOCK_PX[1]


WRONG = (Block(0.2), Block(2.4))


def picture(blocks, t_s, size=(WIDTH_PX, HEIGHT_PX)):
    """The BGR picture at a moment."""
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
    image[::8, ::8] = 90
    for block in blocks:
        if (box := block.box(t_s)) is not None:
            image[box[1] : box[3], box[0] : box[2]] = 250
    return image if size == (WIDTH_PX, HEIGHT_PX) else cv2.resize(image, size)


def write_blocks(
    path,
    blocks=WRONG,
    seconds=4.4,
    *,
    step_ms=STEP_MS,
    metadata=None,
    size=(WIDTH_PX, HEIGHT_PX),
    codec="libx264",
):
    """A video, a key frame a second."""
    with av.open(str(path), "w") as out:
        out.metadata.update(metadata or {})
        options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        if codec == "libx265":
            options["x265-params"] = "log-level=none:pools=1:bframes=0"
        stream = out.add_stream(codec, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = max(1, 1000 // step_ms)
        for stamp in range(0, round(seconds * 1000), step_ms):
            frame = av.VideoFrame.from_ndarray(picture(blocks, stamp / 1000, size), "bgr24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def frame_count(seconds=4.4, step_ms=STEP_MS):
    return len(range(0, round(seconds * 1000), step_ms))


def write_site(path, *cameras):
    """A site file of cameras, each a mapping of what it has beside its id."""
    text = "version: 1\ncameras:\n"
    for camera in cameras or ({"id": "gate"},):
        text += CAMERA.format(id=camera["id"])
        for key, value in camera.items():
            if key != "id":
                text += f"    {key}: {json.dumps(value)}\n"
    return put_in_place(path, text)


def put_in_place(path, text):
    """Write a file that a watch may follow: it sees the old text or the new, never a half."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    return new.replace(path)


class BlockDetector:
    """Sees white blocks as cars; a `SizedDetector`.

    calls: pictures it was asked about. at_call: called with that number before it looks.
    """

    model_hash = MODEL_HASH
    size_px = 640
    resizable = True

    def __init__(self, at_call=None):
        self.calls = 0
        self._at_call = at_call

    def detect(self, image, size_px=None):
        self.calls += 1
        if self._at_call is not None:
            self._at_call(self.calls)
        white = (image.min(axis=2) > 170).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:] if area > 60]
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(n, 0.9, np.float32),
            np.full(n, int(RoadUser.CAR), np.int64),
        )


def rows_of(out):
    """Violations and near misses of a run folder, without when they were written down."""
    found = {}
    with sqlite3.connect(out / STORE_NAME) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("violations", "near_misses"):
            rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]
            for row in rows:
                row.pop("created_at")
            found[table] = rows
    connection.close()
    return found


def packages_of(out):
    """The evidence packages of a run folder under their final names, by the violation's id."""
    found = [path.parent for path in out.glob(f"{EVIDENCE_NAME}/**/manifest.json")]
    return {folder.name: folder for folder in found if not folder.name.endswith(".partial")}


def leftovers_of(out):
    """Names of unfinished files in a run folder."""
    return sorted(
        path.name
        for path in out.rglob("*")
        if path.is_file() and (path.parent.name == ".unfinished" or "partial" in str(path))
    )


def _disturbance():
    """What BLOCKS_AT says happens at a call: `25 SIGINT` (call 0: while the detector is
    loaded), or a slow detector: `0.2 slow`.
    """
    words = os.environ.get("BLOCKS_AT", "").split()
    if not words:
        return None
    if words[1] == "slow":
        return lambda _number: time.sleep(float(words[0]))

    def signalled(number):
        if number == int(words[0]):
            os.kill(os.getpid(), signal.Signals[words[1]])

    return signalled


def _main():
    from traffic_ai import wiring
    from traffic_ai.cli.main import main

    disturb = _disturbance()

    def load(options, progress=None):
        if disturb is not None:
            disturb(0)
        return BlockDetector(disturb)

    wiring.load_detector = load
    sys.argv[0] = "traffic-ai"
    main()


if __name__ == "__main__":
    _main()
