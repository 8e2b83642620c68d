"""H.264 in MP4 through PyAV, with true presentation times."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.arrays import Picture
from traffic_ai.simulate.world import Look, Timing

TICKS_A_SECOND = 90_000
KEY_EVERY_S = 2.0
# x264's code for AVX-512 reads memory that nobody wrote: of 400 videos of the same pictures six
# were others (core 165, in the macroblock tree). What it uses where there is AVX2 alone does not.
_AVX_512F = 13  # of cv::CpuFeatures
_UP_TO_AVX2 = "asm=sse2,ssse3,sse4.2,avx,fma3,bmi2,avx2"


def encode(path: Path, pictures: Iterable[Picture], timing: Timing, look: Look) -> None:
    """Write every picture at its stamp, at the quality or bit rate of the look.

    The declared rate is what the stream says of itself; the stamps need not keep to it. A key frame
    at least every two seconds; one encoder thread, so that the same pictures give the same bytes.
    Raises ConfigError for stamps that do not increase.
    """
    ticks = np.round(timing.stamps_s * TICKS_A_SECOND).astype(np.int64)
    back = np.flatnonzero(np.diff(ticks) <= 0)
    if len(back):
        early, late = timing.stamps_s[back[0]], timing.stamps_s[back[0] + 1]
        raise ConfigError(
            f"stamp {late:.6f} s follows {early:.6f} s; stamps must increase: less jitter"
        )
    rate = Fraction(timing.declared_fps).limit_denominator(1001)
    base = Fraction(1, TICKS_A_SECOND)
    # A first stamp other than zero is kept by an edit list, in ticks of the movie's own.
    muxer = {"movflags": "+faststart", "movie_timescale": str(TICKS_A_SECOND)}
    with av.open(str(path), "w", options=muxer) as container:
        stream = container.add_stream("libx264", rate=rate, options=_options(look, float(rate)))
        stream.pix_fmt = "yuv420p"
        stream.time_base = base
        stream.codec_context.time_base = base
        for tick, picture in zip(ticks.tolist(), pictures, strict=True):
            if tick == ticks[0]:
                stream.height, stream.width = picture.shape[:2]
                if look.bitrate_kbps is not None:
                    stream.bit_rate = look.bitrate_kbps * 1000
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = tick, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _options(look: Look, rate: float) -> dict[str, str]:
    """How hard the encoder works, and for what: quality, or a bit rate as cameras keep it."""
    params = ["threads=1", "lookahead-threads=1", "force-cfr=1"]
    if cv2.checkHardwareSupport(_AVX_512F):
        params.append(_UP_TO_AVX2)
    options = {
        "preset": "veryfast",
        "threads": "1",
        "g": str(max(1, round(KEY_EVERY_S * rate))),
        "x264-params": ":".join(params),
    }
    if look.bitrate_kbps is None:
        return options | {"crf": str(look.crf)}
    buffer = {"maxrate": f"{look.bitrate_kbps}k", "bufsize": f"{2 * look.bitrate_kbps}k"}
    return options | buffer
