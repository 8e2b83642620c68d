"""Addresses, play lists and containers that lead to local files or other hosts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.blocks import write_blocks, write_site
from traffic_ai.core.errors import ConfigError, SourceError
from traffic_ai.sources.connection import check_url, connect
from traffic_ai.sources.file import VideoFile
from traffic_ai.wiring import open_site


class Host:
    """A web server that answers every request alike, and counts them."""

    def __init__(self, body=b"", content_type="text/plain"):
        self.asked = []
        host = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host():
    hosts = []

    def make(*arguments):
        hosts.append(Host(*arguments))
        return hosts[-1]

    yield make
    for one in hosts:
        one.close()


def lists(target):
    """Play lists and descriptions that lead to an address, by what they are."""
    return {
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\nduration 4\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
        "hls key": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
        f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:4,\nx.ts\n#EXT-X-ENDLIST\n',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT4S"><Period><AdaptationSet contentType="video">'
        '<Representation id="1" bandwidth="1"><BaseURL>'
        f"{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "rtsp text": f"RTSPtext\n{target}\n",
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "edl": f"# mpv EDL v0\n{target}\n",
    }


KINDS = tuple(lists(""))


@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "ts", "sdp"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_a_list_is_refused_and_nobody_is_asked(tmp_path, host, kind, suffix):
    other = host()
    video = write_blocks(tmp_path / "real.mp4", seconds=0.4)
    for target in (f"{other.url}/a.ts", f"file://{video}", str(video), "real.mp4"):
        path = tmp_path / f"list.{suffix}"
        path.write_text(lists(target)[kind])
        with pytest.raises(SourceError):
            VideoFile(path, "gate")
    assert other.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_cannot_answer_with_this_computers_files(tmp_path, host, kind):
    video = write_blocks(tmp_path / "real.ts", seconds=0.4)
    for prefix in ("file://", "file:", "concat:", "subfile,,start,0,end,0,,:"):
        target = f"{prefix}{video}"
        camera = host(lists(target)[kind].encode())
        with pytest.raises(SourceError):
            connect(f"{camera.url}/cam", 2.0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("hls")])
def test_a_camera_cannot_send_this_computer_to_another_host(host, kind):
    """HLS may: that is how it works, and its parts are nothing but fetched."""
    other = host()
    camera = host(lists(f"{other.url}/a.ts")[kind].encode())
    with pytest.raises(SourceError):
        connect(f"{camera.url}/cam", 2.0)
    assert other.asked == []


SCHEMES = (
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://gate/cam",
    "gopher://gate/cam",
    "concat:///etc/passwd",
    "data://text/plain,x",
    "pipe://0",
    "tcp://127.0.0.1:22",
    "udp://@:5000",
    "lavfi://testsrc",
    "unix:///run/docker.sock",
    "rtsp+file://etc/passwd",
)


@pytest.mark.parametrize("url", [*SCHEMES, "", "rtsp:", "rtsp://", "rtsp:///", "/etc/passwd", "-i"])
def test_what_is_no_cameras_address_is_refused(url):
    with pytest.raises(ConfigError, match="is not a camera's URL"):
        check_url(url)


@pytest.mark.parametrize("url", SCHEMES)
def test_a_site_file_with_another_scheme_is_refused(tmp_path, url):
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": url})
    with pytest.raises(ConfigError, match="is not a camera's address"):
        open_site(site)


@pytest.mark.parametrize(
    "name",
    [
        "concat:real.mp4|real.mp4",
        "subfile,,start,0,end,0,,:real.mp4",
        "file:real.mp4",
        "pipe:0",
        "data:text/plain,ffconcat",
        "-f lavfi",
        "crypto:real.mp4",
        "%d.mp4",
    ],
)
def test_a_path_is_a_path_whatever_it_looks_like(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_blocks(tmp_path / "real.mp4", seconds=0.4)
    with pytest.raises(SourceError, match="no such file"):
        VideoFile(name, "gate")
