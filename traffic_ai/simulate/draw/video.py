"""H.264 in MP4 through PyAV, with true presentation times."""

from collections.abc import Iterable
from fractions import Fraction

import av

from traffic_ai.simulate.arrays import Picture

TICKS_A_SECOND = 12800


def write_video(
    path: str,
    frames: Iterable[tuple[float, Picture]],
    size_px: tuple[int, int],
    frames_per_second: int,
    crf: int,
) -> None:
    """Encode (time in seconds, BGR picture) pairs; a key frame at least every two seconds.

    One encoder thread, so that the same frames give the same bytes.
    """
    options = {
        "crf": str(crf),
        "preset": "slow",
        "threads": "1",
        "g": str(2 * frames_per_second),
        "x264-params": "threads=1:lookahead-threads=1",
    }
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=options)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, TICKS_A_SECOND)
        stream.codec_context.time_base = Fraction(1, TICKS_A_SECOND)
        stream.width, stream.height = size_px
        for t_s, picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = round(t_s * TICKS_A_SECOND)
            frame.time_base = Fraction(1, TICKS_A_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
