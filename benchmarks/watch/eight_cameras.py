"""Eight live cameras of 640x360 at 25 frames a second and a slow detector: lag, rates, CPU, memory.

    python -m benchmarks.watch.eight_cameras [SECONDS [DETECTOR_MS]]

Needs GStreamer's RTSP server, as the tests marked `rtsp` do.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.blocks import BlockDetector, write_blocks, write_site
from tests.rtsp import Server
from tests.watching import Running

CAMERAS = 8
TICKS_A_SECOND = 100


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / TICKS_A_SECOND


def resident_mb(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
    detector_s = float(sys.argv[2]) / 1000.0 if len(sys.argv) > 2 else 0.06
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(write_blocks(folder / "cam.mp4", step_ms=40, size=(640, 360)))
        cameras = ({"id": f"c{n}", "source": server.url()} for n in range(CAMERAS))
        site = write_site(folder / "site.yaml", *cameras)
        detector = BlockDetector(lambda _: time.sleep(detector_s))
        running = Running(site, folder / "out", detector=detector, write_evidence=False)
        try:
            measure(running, seconds)
        finally:
            running.stop()
            server.kill()


def measure(running, seconds):
    running.until(lambda views: all(v.status.state == "live" for v in views.values()), 120.0)
    began_s, own_s = time.monotonic(), time.process_time()
    readers = {view.reader_pid: cpu_s(view.reader_pid) for view in running.views.values()}
    running.until(lambda views: time.monotonic() - began_s > seconds, seconds + 30.0)
    lasted_s = time.monotonic() - began_s
    lags = sorted(
        view.lag_s
        for at_s, views in running.history
        if at_s > began_s + 6.0
        for view in views.values()
    )
    print(f"lag p50 {lags[len(lags) // 2]:.3f} s, p99 {lags[int(0.99 * len(lags))]:.3f} s")
    for view in running.views.values():
        print(
            f"{view.camera_id}: {view.status.state}, {view.analysed_fps:.1f} of "
            f"{view.status.received_fps:.1f} frames/s, {view.status.reconnects} reconnects "
            f"{view.status.detail}"
        )
    each = [(cpu_s(pid) - before) / lasted_s for pid, before in readers.items()]
    print(f"a reader: {max(each):.1%} of a core, {max(map(resident_mb, readers)):.0f} MB")
    print(f"the watch: {(time.process_time() - own_s) / lasted_s:.1%} of a core")


if __name__ == "__main__":
    main()
