"""How well signal aspects are read, on the real crops and clips beside the checkout.

    python benchmarks/signals/run.py [--shared ../shared]

Crops: each is one picture of a head without any history, its box the whole crop. "false" is a lit
aspect that is not the true one; UNKNOWN and DARK accuse nobody. Clips: the history each gives.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.scene import Scene, SignalGroup, SignalHead
from traffic_ai.core.signal import Aspect, SignalHistory
from traffic_ai.signals.lamps import HeadReader
from traffic_ai.signals.placement import place
from traffic_ai.signals.reader import SceneSignals

LAMPS = (Aspect.RED, Aspect.YELLOW, Aspect.GREEN)


def crops(folder: Path) -> None:
    print("true    crops  correct  unknown     dark    false  as red")
    sums: Counter[str] = Counter()
    for aspect in LAMPS:
        read = Counter(_read(file) for file in sorted((folder / aspect.value).glob("*.jpg")))
        total = sum(read.values())
        lit_wrong = total - read[aspect] - read[Aspect.UNKNOWN] - read[Aspect.DARK]
        as_red = 0 if aspect is Aspect.RED else read[Aspect.RED]
        row = {
            "correct": read[aspect],
            "unknown": read[Aspect.UNKNOWN],
            "dark": read[Aspect.DARK],
            "false": lit_wrong,
            "as red": as_red,
        }
        sums.update(row)
        sums["total"] += total
        _line(aspect.value, total, row)
    _line("all", sums.pop("total"), sums)


def _line(name: str, total: int, row: dict[str, int]) -> None:
    shares = (f"{100 * count / total:6.2f} %" for count in row.values())
    print(f"{name:7} {total:5} " + " ".join(shares))


def _read(file: Path) -> Aspect:
    image = np.asarray(cv2.imread(str(file)), np.uint8)
    height, width = image.shape[:2]
    head = SignalHead(np.array([0, 0, width, height], float))
    return HeadReader(place(head, width, height, "crop")).read(image, 0.0).aspect


def clips(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    for name, what in truth.items():
        boxes = what.get("signal_lamps_px_xyxy") if isinstance(what, dict) else None
        if not boxes:
            continue
        print(f"\n{name}: {what.get('signal', 'no truth by frame')}")
        for box in boxes:
            history, times, cost_s = _watch(folder / name, box)
            print(f"  head {box}, {1e3 * cost_s / len(times):.2f} ms a picture")
            for state in history.states:
                first = int(np.searchsorted(times, state.since_s - 1e-6))
                print(
                    f"    {state.aspect.value:8} from picture {first}, {state.since_s:.3f} s, "
                    f"bound {state.since_bound_s:.3f} s"
                )


def _watch(path: Path, box: list[float]) -> tuple[SignalHistory, list[float], float]:
    groups = (SignalGroup("g", (SignalHead(np.array(box, float)),)),)
    signals, times, cost_s = None, [], 0.0
    for frame in _frames(path):
        if signals is None:
            size = (frame.info.width_px, frame.info.height_px)
            signals = SceneSignals(Scene("c", *size, signal_groups=groups))
        start_s = time.perf_counter()
        history = signals.read(frame)["g"]
        cost_s += time.perf_counter() - start_s
        times.append(frame.info.t_s)
    return history, times, cost_s


def _frames(path: Path) -> Iterator[Frame]:
    with av.open(path) as container:
        for index, picture in enumerate(container.decode(video=0)):
            image = picture.to_ndarray(format="bgr24")
            height, width = image.shape[:2]
            yield Frame(FrameInfo("c", index, float(picture.time), None, width, height), image)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).parents[2].parent / "shared"
    parser.add_argument("--shared", type=Path, default=beside, help="folder of crops and footage")
    folder = parser.parse_args().shared
    if not (folder / "signal_crops").is_dir():
        print(f"no crops in {folder}; name the folder with --shared", file=sys.stderr)
        return 2
    crops(folder / "signal_crops")
    clips(folder / "footage")
    return 0


if __name__ == "__main__":
    sys.exit(main())
