"""What `traffic-ai tune` found to be the best engine here, kept beside the prepared graphs.

It holds for this processor, these libraries, these weights and this size; where one of them is
another nothing is remembered, and the default engine runs.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from traffic_ai.core.kinds import Engine
from traffic_ai.detectors.engines import BATCH_SIZES, EngineChoice, core_count
from traffic_ai.detectors.prepared import not_ours, write_whole

_log = logging.getLogger(__name__)

_PREFIX = "choice-"
_LIBRARIES = ("traffic-ai", "onnxruntime", "onnxruntime-gpu", "openvino")
_FORM = 3


@dataclass(frozen=True, slots=True)
class Remembered:
    """A choice, and what it rests on.

    ratio: its time for a look by that of the default engine; accepted: the engines that were found
    good; at: when that was measured, in UTC, as text. graph_hash: SHA-256 of the eight-bit graph
    they were found good with, "" where there is none; no other may run.
    """

    choice: EngineChoice
    ratio: float
    accepted: tuple[Engine, ...]
    at: str
    graph_hash: str = ""


def recall(folder: Path, weights_hash: str, size_px: int) -> Remembered | None:
    """What is remembered for these weights at this size on this machine, or None.

    A file that cannot be used is logged and not heeded.
    """
    path = _path(folder, weights_hash, size_px)
    if not path.is_file():
        return None
    try:
        reason = not_ours(path)
        found = None if reason else _read(path, weights_hash, size_px)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason, found = f"cannot be read ({type(error).__name__}: {error})", None
    if reason:
        _log.warning("%s is not heeded: it %s; `traffic-ai tune` writes it anew", path, reason)
    return found


def is_anything_remembered(folder: Path) -> bool:
    """Whether there is any choice to look for."""
    return any(folder.glob(f"{_PREFIX}*.json"))


def remember(folder: Path, weights_hash: str, size_px: int, found: Remembered) -> Path:
    """Keep a choice; the file's path. Raises OSError."""
    path = _path(folder, weights_hash, size_px)
    document = {
        "for": _key(weights_hash, size_px),
        "engine": found.choice.engine.value,
        "threads": found.choice.threads,
        "batch_size": found.choice.batch_size,
        "ratio": found.ratio,
        "accepted": [engine.value for engine in found.accepted],
        "at": found.at,
        "graph": found.graph_hash,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, json.dumps(document, indent=2).encode() + b"\n")
    return path


def forget(folder: Path) -> list[Path]:
    """Delete all that is remembered, and the eight-bit graphs; what was deleted. Raises OSError."""
    found = sorted([*folder.glob(f"{_PREFIX}*.json"), *folder.glob("*.int8-*.graph")])
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _path(folder: Path, weights_hash: str, size_px: int) -> Path:
    key = json.dumps(_key(weights_hash, size_px), sort_keys=True)
    return folder / f"{_PREFIX}{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _key(weights_hash: str, size_px: int) -> dict[str, Any]:
    return {
        "form": _FORM,
        "weights": weights_hash,
        "size_px": size_px,
        "cores": core_count(),
        "processor": _processor(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _read(path: Path, weights_hash: str, size_px: int) -> Remembered:
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["for"] != _key(weights_hash, size_px):
        raise ValueError("it is of another machine")
    threads = document["threads"]
    if threads is not None and not (isinstance(threads, int) and 1 <= threads <= 1024):
        raise ValueError(f"threads {threads!r}")
    batch_size = document["batch_size"]
    if batch_size not in BATCH_SIZES:
        raise ValueError(f"batch_size {batch_size!r}")
    return Remembered(
        EngineChoice(Engine(document["engine"]), threads, batch_size),
        float(document["ratio"]),
        tuple(Engine(name) for name in document["accepted"]),
        str(document["at"]),
        str(document["graph"]),
    )


@cache
def _processor() -> str:
    """The processor's name and abilities, as Linux tells them."""
    wanted = ("model name", "flags", "Features", "CPU part")
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = {line for line in text.splitlines() if line.startswith(wanted)}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
