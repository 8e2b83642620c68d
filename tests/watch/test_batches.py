"""A watch whose cameras share a detector that looks at several pictures at once."""

import numpy as np

from tests.blocks import MODEL_HASH, WIDTH_PX, BlockDetector, write_site
from tests.detectors.test_together import PATIENCE_S, Queue
from tests.rtsp import needs_rtsp
from traffic_ai.audit.replay import replay
from traffic_ai.detectors.yolo import YoloDetector

pytestmark = needs_rtsp


class BlockNetwork:
    """Sees white blocks; a `yolo.Network`. `batches`: how many pictures each run had.

    The first run ends only when two other cameras wait for it.
    """

    input_px = None

    def __init__(self, queue):
        self.batches = []
        self._queue = queue

    def propose(self, blob, min_confidence):
        self.batches.append(len(blob))
        if len(self.batches) == 1:
            for _ in range(2):
                assert self._queue.came.acquire(timeout=PATIENCE_S)
        pictures = np.round(255.0 * blob.transpose(0, 2, 3, 1)).astype(np.uint8)
        return [BlockDetector().detect(picture) for picture in pictures]


def test_cameras_that_wait_at_once_are_looked_at_at_once(serve, run_watch, tmp_path):
    url = serve().url()
    names = ("gate", "yard", "back")
    cameras = ({"id": name, "source": url} for name in names)
    site = write_site(tmp_path / "site.yaml", *cameras)
    queue = Queue()
    network = BlockNetwork(queue)
    detector = YoloDetector(network, MODEL_HASH, size_px=WIDTH_PX, batch_size=4)
    detector._together._changed = queue
    running = run_watch(site, tmp_path / "out", detector=detector)
    views = running.until(lambda views: all(view.violation_count for view in views.values()))
    assert set(views) == set(names)
    running.stop()
    assert network.batches[:2] == [1, 2]
    assert set(network.batches) <= {1, 2}
    reports = list(replay(tmp_path / "out"))
    assert len(reports) >= 3
    assert all(report.is_same for report in reports)
