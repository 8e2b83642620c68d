"""What a run needs, tried one by one; behind `traffic-ai doctor`."""

import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from traffic_ai import __version__
from traffic_ai.core.errors import TrafficAiError
from traffic_ai.detectors import models

_PACKAGES = ("numpy", "opencv-python", "av", "onnxruntime", "shapely", "scipy", "sqlalchemy")
_EXTRAS = (
    ("ultralytics", "ultralytics"),
    ("openvino", "openvino"),
    ("paho", "mqtt"),
    ("trackers", "evaluate"),
)
_INSTEAD = {"onnxruntime": ("onnxruntime-gpu",)}
_LOW_DISK_GB = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing tried. `needed`: a run cannot do without it."""

    name: str
    ok: bool
    needed: bool
    says: str


def examine(weights_name: str) -> list[Check]:
    """Try everything a run needs; fetches nothing, leaves nothing behind."""
    return [
        Check(
            "traffic-ai",
            True,
            True,
            f"{__version__}, Python {platform.python_version()}, {platform.system()} "
            f"{platform.machine()}, {os.cpu_count()} cores",
        ),
        *(_package(name) for name in _PACKAGES),
        _tried("weights", lambda: _weights(weights_name)),
        _tried("detector", lambda: _detector(weights_name)),
        _tried("store", _store),
        _disk(),
        *(_extra(module, extra) for module, extra in _EXTRAS),
    ]


def _package(name: str) -> Check:
    for other in (name, *_INSTEAD.get(name, ())):
        try:
            return Check(other, True, True, version(other))
        except PackageNotFoundError:
            continue
    return Check(name, False, True, f"not installed; pip install {name}")


def _tried(name: str, trial: Callable[[], str]) -> Check:
    try:
        return Check(name, True, True, trial())
    except (TrafficAiError, OSError, ImportError, sqlite3.Error) as error:
        return Check(name, False, True, str(error))


def _weights(name: str) -> str:
    if name not in models.registry():
        return str(models.weights(name))
    known = models.model(name)
    state, path = models.state(known), models.locate(known)
    if state is not models.ModelState.PRESENT:
        raise TrafficAiError(f"{name} is {state.value}; `traffic-ai models pull {name}` fetches it")
    return f"{path} ({known.licence})"


def _detector(name: str) -> str:
    from traffic_ai.detectors.engines import words
    from traffic_ai.wiring import DetectorOptions, choose_engine, load_detector

    _weights(name)
    options, _ = choose_engine(DetectorOptions(name))
    detector = load_detector(options)
    picture = np.full((360, 640, 3), 114, np.uint8)
    detector.detect(picture)
    times_s = []
    for _ in range(3):
        begin = time.perf_counter()
        detector.detect(picture)
        times_s.append(time.perf_counter() - begin)
    engine = words(options.choice.engine)
    return f"works in {engine}, {1e3 * sorted(times_s)[1]:.0f} ms for a 640x360 picture"


def _store() -> str:
    from traffic_ai.stores.database import ViolationStore

    with tempfile.TemporaryDirectory() as folder:
        ViolationStore.open(Path(folder) / "trial.sqlite").close()
    return f"works, SQLite {sqlite3.sqlite_version}"


def _disk() -> Check:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    ok = free_gb >= _LOW_DISK_GB
    return Check("disk", ok, True, f"{free_gb:.1f} GB free in {Path.cwd()}")


def _extra(module: str, extra: str) -> Check:
    there = find_spec(module) is not None
    says = "installed" if there else f"not installed (extra `{extra}`)"
    return Check(f"extra {extra}", there, False, says)
