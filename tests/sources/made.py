"""Small videos, made on the spot: pictures that tell their number, at times a test chooses."""

from fractions import Fraction

import av
import numpy as np

MS = Fraction(1, 1000)
SIZE = (96, 64)


def picture(number, size=SIZE):
    """A BGR picture of soft shapes, different for each number; its corner at 0, 0 is bright."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    grey = 90 + 50 * np.sin((x + 5 * number) / 9.0) * np.cos((y - 3 * number) / 7.0)
    image = np.repeat(grey[..., None], 3, axis=2)
    image[: height // 4, : width // 4] = 240
    return image.astype(np.uint8)


def write_video(
    path,
    stamps,
    *,
    time_base=MS,
    size=SIZE,
    codec="libx264",
    options=None,
    key_every=10,
    b_frames=0,
    rotation_deg=0,
    container=None,
    metadata=None,
    first=0,
):
    """One picture for each stamp; `options` are the encoder's."""
    with av.open(str(path), "w", format=container) as out:
        out.metadata.update(metadata or {})
        stream = out.add_stream(codec, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = stream.time_base = time_base
        stream.codec_context.gop_size = key_every
        stream.codec_context.max_b_frames = b_frames
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(first + number, size), "bgr24")
            frame.pts, frame.time_base = stamp, time_base
            # A key frame every so often, and no other.
            frame.pict_type = 1 if number % key_every == 0 else 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def x264(path, stamps, open_groups=False, **more):
    """H.264 without scene cuts; B-pictures are always used where b_frames allows.

    open_groups: B-pictures before a key frame may lean on the group before it.
    """
    options = {"preset": "veryfast", "sc_threshold": "0", "b-adapt": "0", "threads": "1"}
    b_frames = more.get("b_frames", 0)
    options |= {"x264-params": f"scenecut=0:bframes={b_frames}:b-adapt=0:b-pyramid=0"}
    if open_groups:
        options["x264-params"] += ":open-gop=1"
    return write_video(path, stamps, options=options, **more)


def steady(count, step=40):
    """Stamps `step` apart from 0."""
    return [step * i for i in range(count)]


def packets(path):
    """The (pts, key, bytes) of a file's packets, in decoding order."""
    with av.open(str(path)) as container:
        return [
            (p.pts, p.is_keyframe, bytes(p)) for p in container.demux(video=0) if p.pts is not None
        ]


def remux(source, target, change=lambda number, packet: packet, container=None):
    """Copy a file's packets; `change` may alter each, or leave it out by returning None."""
    with av.open(str(source)) as read, av.open(str(target), "w", format=container) as out:
        stream = out.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(read.demux(video=0)):
            if packet.size and (changed := change(number, packet)) is not None:
                changed.stream = stream
                out.mux(changed)
    return target
