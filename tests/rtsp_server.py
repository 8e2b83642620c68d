#!/usr/bin/python3
"""A small camera: serves an H.264 or H.265 file over RTSP, again and again, in real time.

Run by the system's Python, which has GStreamer's bindings (gi):

    /usr/bin/python3 tests/rtsp_server.py video.mp4 --mount /cam [--port N] [--user U --password P]

Prints "ready PORT" on one line when clients may connect. Packets are served as they are.
"""

import argparse
import itertools
import threading
import time
from dataclasses import dataclass

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402, F401

CAPS = "video/x-{codec},stream-format=byte-stream,alignment=au"
ROLE = "viewer"


@dataclass(frozen=True)
class Unit:
    """One compressed picture; times in nanoseconds from the first one's decoding time."""

    data: bytes
    shown_ns: int
    sent_ns: int


def codec_of(path):
    """The file's codec, by its name: h265.mp4, and all others H.264."""
    return "h265" if path.endswith("h265.mp4") else "h264"


def read_units(path):
    """The file's pictures in decoding order, and how long one round of them lasts."""
    codec = codec_of(path)
    pipeline = Gst.parse_launch(
        f'filesrc location="{path}" ! qtdemux ! {codec}parse config-interval=-1 '
        f"! {CAPS.format(codec=codec)} ! appsink name=out sync=false"
    )
    sink = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    units = []
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        sent = buffer.pts if buffer.dts == Gst.CLOCK_TIME_NONE else buffer.dts
        units.append((buffer.extract_dup(0, buffer.get_size()), buffer.pts, sent))
    pipeline.set_state(Gst.State.NULL)
    origin = units[0][2]
    shown = sorted(unit[1] for unit in units)
    period = shown[-1] - shown[0] + (shown[-1] - shown[0]) // (len(shown) - 1)
    return [Unit(data, pts - origin, dts - origin) for data, pts, dts in units], period


class Camera(GstRtspServer.RTSPMediaFactory):
    """One mount point; all its viewers share one running picture."""

    def __init__(self, path):
        super().__init__()
        self.codec = codec_of(path)
        self.units, self.period_ns = read_units(path)
        self.set_shared(True)

    def do_create_element(self, url):
        return Gst.parse_launch(
            "( appsrc name=pictures is-live=true format=time block=true "
            f'caps="{CAPS.format(codec=self.codec)}" '
            f"! {self.codec}parse ! rtp{self.codec}pay name=pay0 pt=96 config-interval=-1 )"
        )

    def do_configure(self, media):
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        gone = threading.Event()
        media.connect("unprepared", lambda _media: gone.set())
        pictures = media.get_element().get_by_name("pictures")
        threading.Thread(target=self.send, args=(pictures, gone), daemon=True).start()

    def send(self, pictures, gone):
        begun = time.monotonic()
        for round_number in itertools.count():
            base_ns = round_number * self.period_ns
            for unit in self.units:
                wait_s = begun + (base_ns + unit.sent_ns) / 1e9 - time.monotonic()
                if gone.wait(max(wait_s, 0.0)):
                    return
                buffer = Gst.Buffer.new_wrapped(unit.data)
                buffer.pts = base_ns + unit.shown_ns
                buffer.dts = base_ns + unit.sent_ns
                if pictures.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                    return


def protect(server, camera, user, password):
    """Let in only this user."""
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role(ROLE, f"media.factory.{right}", True)
    camera.set_permissions(permissions)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("--mount", default="/cam")
    parser.add_argument(
        "--also", action="append", default=[], help="another one: /mount=video; repeatable"
    )
    parser.add_argument("--port", default="0", help="0: any free one")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    camera = Camera(options.video)
    if options.user:
        protect(server, camera, options.user, options.password)
    server.get_mount_points().add_factory(options.mount, camera)
    for mount, _, video in (also.partition("=") for also in options.also):
        server.get_mount_points().add_factory(mount, Camera(video))
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
