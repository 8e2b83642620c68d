"""A camera to connect to: the RTSP server as a process, for the tests of whoever reads streams."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")


def has_server():
    if not Path(PYTHON).exists():
        return False
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    return subprocess.run([PYTHON, "-c", probe], capture_output=True, check=False).returncode == 0


needs_rtsp = [
    pytest.mark.rtsp,
    pytest.mark.skipif(
        not has_server(), reason="GStreamer's RTSP server (gi, GstRtspServer) is not installed"
    ),
]


class Server:
    """A running server; killed at the end of the test."""

    def __init__(self, video, *options, port="0"):
        command = [PYTHON, str(SERVER), str(video), "--port", port, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        assert ready[:1] == ["ready"], "the RTSP server did not start"
        self.port = ready[1]

    def url(self, mount="/cam", login=""):
        return f"rtsp://{login + '@' if login else ''}127.0.0.1:{self.port}{mount}"

    def kill(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def serving(video):
    """What starts servers of a video, or of another one; they are killed at the end."""
    servers = []

    def serve(*options, port="0", video=video):
        servers.append(Server(video, *options, port=port))
        return servers[-1]

    try:
        yield serve
    finally:
        for server in servers:
            if server.process.returncode is None:
                server.kill()
