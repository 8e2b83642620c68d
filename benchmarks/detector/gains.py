"""What each thing left out saves: processor milliseconds with it and without, one thread.

    python -m benchmarks.detector.gains [--weights yolov8n] [--rounds 40]

Both ways of a line take turns. Processor time is what is compared, so that other work on the
machine changes little; medians.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx

from benchmarks.detector.run import made_up_picture
from traffic_ai.core.frame import Image
from traffic_ai.detectors.engines import EngineChoice, open_session
from traffic_ai.detectors.exported import Export
from traffic_ai.detectors.graph import cut
from traffic_ai.detectors.letterbox import GREY, Canvas, Letterbox
from traffic_ai.detectors.models import weights
from traffic_ai.detectors.onnx import load_network
from traffic_ai.detectors.prepared import trial_blob
from traffic_ai.detectors.yolo import Blob

ONE = EngineChoice(threads=1)
INPUT_PX = (640, 384)
BATCH = 4


def drawn_anew(image: Image, box: Letterbox) -> Blob:
    """The input as OpenCV makes it, in fresh memory."""
    padded = np.full((box.input_px[1], box.input_px[0], 3), GREY, np.uint8)
    (x, y), (w, h) = box.offset_px, box.resized_px
    padded[y : y + h, x : x + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(padded, 1.0 / 255.0, swapRB=True)


def network(data: bytes) -> Callable[[Blob], object]:
    session = open_session(data, "the network", ONE)
    return lambda blob: session.run(blob)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="yolov8n")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    path: Path = weights(arguments.weights)
    data = path.read_bytes()
    image = made_up_picture(1280, 720)
    box = Letterbox.rectangular((1280, 720), max(INPUT_PX))
    canvas = Canvas(box)
    export = Export(data, str(path), 1)
    model = onnx.load_model_from_string(data)
    class_count = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value - 4
    prepared, every = export.prepare(), cut(model, range(class_count))
    assert prepared is not None
    assert every is not None
    some = network(prepared.graph)
    all_classes = network(every.data)
    blob = trial_blob(INPUT_PX)
    batch = np.repeat(blob, BATCH, axis=0)
    whole = trial_blob((640, 640))
    exported = network(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights_hash = hashlib.sha256(data).hexdigest()
        load_network(path, weights_hash, ONE, folder)
        pairs: dict[str, tuple[Callable[[], object], Callable[[], object], int]] = {
            "input drawn in fresh memory / in place": (
                lambda: drawn_anew(image, box),
                lambda: canvas.draw(image),
                arguments.rounds,
            ),
            "exported graph at 640x640 / cut at 640x384": (
                lambda: exported(whole),
                lambda: some(blob),
                arguments.rounds // 2,
            ),
            "every class / road users only": (
                lambda: all_classes(blob),
                lambda: some(blob),
                arguments.rounds,
            ),
            f"{BATCH} pictures one by one / together": (
                lambda: [some(blob) for _ in range(BATCH)],
                lambda: some(batch),
                arguments.rounds // 4,
            ),
            "loading the export / the kept graph": (
                lambda: load_network(path, weights_hash, ONE),
                lambda: load_network(path, weights_hash, ONE, folder),
                max(1, arguments.rounds // 8),
            ),
        }
        print(f"{'':<46}{'with ms':>9}{'without':>9}{'ratio':>7}")
        for title, (without, having, rounds) in pairs.items():
            print_row(title, without, having, rounds)


def print_row(
    title: str, first: Callable[[], object], second: Callable[[], object], rounds: int
) -> None:
    first(), second()
    spent = np.array([[spent_ms(first), spent_ms(second)] for _ in range(rounds)])
    one, other = np.median(spent, axis=0)
    print(f"{title:<46}{one:9.2f}{other:9.2f}{np.median(spent[:, 1] / spent[:, 0]):7.2f}")


def spent_ms(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return 1e3 * (time.process_time() - begin)


if __name__ == "__main__":
    main()
