"""Eight live cameras of 640x360 at 25 frames a second: lag, rates, CPU, memory.

    python -m benchmarks.watch.eight_cameras [--seconds 40] [--wait-ms 60]

The sample junction, its rules and the detector that a watch uses. --wait-ms: blocks and a detector
that takes so long and no CPU instead, so that what the rest takes can be seen. Needs GStreamer's
RTSP server, as the tests marked `rtsp` do.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import yaml

from tests.blocks import ROOT, BlockDetector, write_blocks, write_site
from tests.rtsp import Server
from tests.watching import Running
from traffic_ai.wiring import DetectorOptions, load_detector

CAMERAS = 8
SIZE = (640, 360)
TICKS_A_SECOND = 100


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / TICKS_A_SECOND


def resident_mb(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def proportional_mb(pid):
    """A process's memory, what several share counted in parts, so that sums are true."""
    words = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    return int(words[words.index("Pss:") + 1]) * 1024 / 1e6


def small_junction(path):
    """The sample video at 640x360."""
    sample = str(ROOT / "sample_videos" / "junction.mp4")
    with av.open(sample) as read, av.open(str(path), "w") as out:
        options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        stream = out.add_stream("libx264", options=options)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = 25
        for frame in read.decode(video=0):
            small = frame.reformat(*SIZE, format="yuv420p")
            small.pts, small.time_base = round(frame.time * 1000), Fraction(1, 1000)
            out.mux(stream.encode(small))
        out.mux(stream.encode())
    return path


def junction_site(path, url):
    """The sample's site, once a camera."""
    site = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text())
    [camera] = site["cameras"]
    camera.pop("start_time")
    site["cameras"] = [camera | {"id": f"c{n}", "source": url} for n in range(CAMERAS)]
    path.write_text(yaml.safe_dump(site))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--wait-ms", type=float, help="in place of the detector")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.wait_ms is None:
            server = Server(small_junction(folder / "cam.mp4"))
            site = junction_site(folder / "site.yaml", server.url())
            detector, more = load_detector(DetectorOptions()), {"every_frame": False}
        else:
            server = Server(write_blocks(folder / "cam.mp4", step_ms=40, size=SIZE))
            cameras = ({"id": f"c{n}", "source": server.url()} for n in range(CAMERAS))
            site = write_site(folder / "site.yaml", *cameras)
            wait_s = options.wait_ms / 1000.0
            detector, more = BlockDetector(lambda _: time.sleep(wait_s)), {}
        running = Running(site, folder / "out", detector=detector, write_evidence=False, **more)
        try:
            measure(running, options.seconds)
        finally:
            running.stop()
            server.kill()


def measure(running, seconds):
    running.until(lambda views: all(v.status.state == "live" for v in views.values()), 120.0)
    began_s, own_s = time.monotonic(), time.process_time()
    before = running.views
    readers = {view.reader_pid: cpu_s(view.reader_pid) for view in before.values()}
    running.until(lambda views: time.monotonic() - began_s > seconds, seconds + 30.0)
    lasted_s = time.monotonic() - began_s
    seen = [views for at_s, views in running.history if at_s > began_s + 6.0]
    lags = sorted(max(v.lag_s, v.status.lag_s) for views in seen for v in views.values())
    print(f"lag p50 {lags[len(lags) // 2]:.3f} s, p99 {lags[int(0.99 * len(lags))]:.3f} s")
    not_live = sum(v.status.state != "live" for views in seen for v in views.values())
    print(f"views that were not live: {not_live} of {len(lags)}")
    for name, view in running.views.items():
        then = before[name]
        looked = (view.inference_count - then.inference_count) / lasted_s
        taken = (view.analysed_count - then.analysed_count) / lasted_s
        came = (view.status.frames_received - then.status.frames_received) / lasted_s
        print(
            f"{name}: {view.status.state}, of {came:.1f} frames/s {taken:.1f} taken up and "
            f"{looked:.1f} looked at, {view.status.reconnects} reconnects {view.status.detail}"
        )
    each = [(cpu_s(pid) - earlier) / lasted_s for pid, earlier in readers.items()]
    print(f"a reader: {max(each):.1%} of a core, {max(map(resident_mb, readers)):.0f} MB")
    print(f"the watch: {(time.process_time() - own_s) / lasted_s:.1%} of a core")


if __name__ == "__main__":
    main()
