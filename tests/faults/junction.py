"""A small junction with lamps, seen from the side, in which one block in a round runs the red."""

from fractions import Fraction

import av
import numpy as np

from tests.signals.drawing import DAY, draw
from traffic_ai.core.signal import Aspect

SIZE = (320, 180)
STEP_MS = 80
ROUND_S = 12.0
HEAD_PX = (16, 44)
PHASES = ((0.0, Aspect.GREEN), (3.0, Aspect.YELLOW), (4.6, Aspect.RED))
RED_S = 4.6
PASSES_S = (0.4, 5.0)
"""When a block enters: the first passes on green, the second on red."""
PASS_S = 2.6
BLOCK_PX = (40, 24)
STOP_X_PX = 130

SITE = """\
version: 1
cameras:
  - id: gate
    source: {url}
    coordinates: {{unit: pixels, reference_size: [320, 180]}}
    signal_groups:
      - {{id: main, lamps: [{{head: [288, 8, 304, 52]}}]}}
    lanes:
      - id: east
        polygon: [[2, 70], [318, 70], [318, 150], [2, 150]]
        direction: [[4, 110], [316, 110]]
    stop_lines:
      - id: stop
        line: [[130, 70], [130, 150]]
        lanes: [east]
        signal_group: main
        beyond_line: [[215, 70], [215, 150]]
    rules:
      red_light: {{grace_s: 0.3}}
"""


def aspect_at(t_s):
    return [aspect for since_s, aspect in PHASES if since_s <= t_s][-1]


def picture(t_s, heads):
    """The BGR picture at a moment of the round. heads: a drawn head by aspect."""
    image = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
    image[::8, ::8] = 90
    image[:60, -48:] = heads[aspect_at(t_s)]
    for enters_s in PASSES_S:
        share = (t_s - enters_s) / PASS_S
        if 0.0 <= share <= 1.0:
            x0 = round(4 + (SIZE[0] - BLOCK_PX[0] - 8) * share)
            image[100 : 100 + BLOCK_PX[1], x0 : x0 + BLOCK_PX[0]] = 250
    return image


def write_junction(path):
    """One round, a key frame a second."""
    heads = {aspect: draw(aspect, DAY, HEAD_PX, (16, 8), (48, 60), seed=1) for _, aspect in PHASES}
    with av.open(str(path), "w") as out:
        options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1", "crf": "12"}
        stream = out.add_stream("libx264", options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = 1000 // STEP_MS
        for stamp in range(0, round(ROUND_S * 1000), STEP_MS):
            frame = av.VideoFrame.from_ndarray(picture(stamp / 1000, heads), "bgr24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path
