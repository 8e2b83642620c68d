"""Connecting: streams over HTTP that cannot be used are refused with the reason."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from tests.sources.made import x264
from traffic_ai.core.errors import SourceError, SourceLostError, SourceUnauthorizedError
from traffic_ai.sources.connection import connect


@pytest.fixture
def serve():
    """Serves one answer over HTTP: (status, content type, body); yields the URL."""
    servers = []

    def make(status, content_type, body):
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        servers.append(server)
        return f"http://op:hunter2@127.0.0.1:{server.server_port}/cam"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_pictures_over_http_have_no_times_and_are_refused(serve):
    _, jpeg = cv2.imencode(".jpg", np.zeros((64, 96, 3), np.uint8))
    part = b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg.tobytes() + b"\r\n"
    url = serve(200, "multipart/x-mixed-replace; boundary=x", part * 20)
    with pytest.raises(SourceError, match=r"\(mpjpeg\) carries no time stamps.*RTSP"):
        connect(url, 20.0)


def test_a_play_list_cannot_reach_the_hosts_files(serve, tmp_path):
    path = x264(tmp_path / "a.ts", range(0, 180_000, 3600))
    body = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n"
    url = serve(200, "application/vnd.apple.mpegurl", body.encode())
    with pytest.raises(SourceError):
        connect(url, 20.0)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, SourceUnauthorizedError), (500, SourceLostError)]
)
def test_refusals_are_told_apart_and_name_no_password(serve, status, kind):
    with pytest.raises(kind) as caught:
        connect(serve(status, "text/plain", b"no"), 20.0)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_page_that_is_no_video_is_lost_with_a_reason(serve):
    with pytest.raises(SourceLostError, match=r"no usable answer|cannot be read"):
        connect(serve(200, "text/html", b"<html>hello</html>" * 50), 20.0)
