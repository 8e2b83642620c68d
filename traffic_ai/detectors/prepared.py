"""Prepared graphs: cut once, kept on the disk, and tried anew at every load.

Cutting a graph takes the `onnx` package, two copies of the network and a run of the whole one. What
comes of it is kept beside the weights: a line of JSON, then the graph. It is used only where its
hash, its weights and its owner are right, and where it still finds in a made-up picture what it
found when it was compared to the whole graph; else it is made anew.
"""

import hashlib
import json
import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from traffic_ai import __version__
from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.classes import ClassColumns
from traffic_ai.detectors.networks import CutNetwork, GraphSession, MapNames
from traffic_ai.detectors.yolo import Blob

_log = logging.getLogger(__name__)

TRIAL_PX = (160, 96)  # not square, and not the size of any export
BOX_TOLERANCE_PX = 0.05  # rounding in another order stays below 0.001
SCORE_TOLERANCE = 1e-3  # relative
_FORM = 1
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Prepared:
    """A graph that takes any size, and how to read its maps.

    graph: serialised ONNX; classes: of the maps' class channels; trial: what it finds in the
    made-up picture of `TRIAL_PX`, every cell, xyxy and score (N, 5).
    """

    graph: bytes
    scales: tuple[MapNames, ...]
    classes: ClassColumns
    trial: np.ndarray

    @property
    def graph_hash(self) -> str:
        """SHA-256 of the graph."""
        return hashlib.sha256(self.graph).hexdigest()

    def network(self, session: GraphSession) -> CutNetwork:
        """The network of this graph in a runtime."""
        return CutNetwork(session, self.scales, self.classes)

    def fits(self, network: CutNetwork) -> bool:
        """Whether a network finds in the made-up picture what this graph found."""
        return same_rows(rows(network.propose(trial_blob(TRIAL_PX), 0.0)[0]), self.trial)


def keeps_apart(network: CutNetwork) -> bool:
    """Whether a network finds in two pictures at once what it finds in each alone."""
    first = trial_blob(TRIAL_PX)
    both = np.concatenate([first, 1.0 - first])
    try:
        found = network.propose(both, 0.0)
    except ModelError:
        return False
    wanted = [network.propose(both[i : i + 1], 0.0)[0] for i in range(2)]
    return all(same_rows(rows(one), rows(other)) for one, other in zip(found, wanted, strict=True))


def prepared_path(folder: Path, weights_hash: str) -> Path:
    """Where the prepared graph of weights is kept."""
    return folder / f"{weights_hash[:32]}.float.graph"


def int8_path(folder: Path, weights_hash: str, size_px: int, graph_hash: str) -> Path:
    """Where an eight-bit graph of weights is kept that was made for a size. Only one that
    `remembered` names was found good.
    """
    return folder / f"{weights_hash[:32]}.int8-{size_px}-{graph_hash[:16]}.graph"


def int8_paths(folder: Path, weights_hash: str, size_px: int) -> list[Path]:
    """All eight-bit graphs of weights and a size that are kept."""
    return sorted(folder.glob(f"{weights_hash[:32]}.int8-{size_px}-*.graph"))


def read_prepared(path: Path, weights_hash: str) -> Prepared | None:
    """The prepared graph kept there, or None; what is kept and cannot be used is logged."""
    if not path.is_file():
        return None
    try:
        reason = not_ours(path)
        found = None if reason else _read(path, weights_hash)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason, found = f"cannot be read ({type(error).__name__}: {error})", None
    if reason:
        _log.warning("%s is not used, and made anew: it %s", path, reason)
    return found


def keep_prepared(path: Path, weights_hash: str, prepared: Prepared) -> None:
    """Keep a prepared graph; where the folder cannot be written, that is logged and no more."""
    head = {
        "form": _FORM,
        "version": __version__,
        "weights": weights_hash,
        "graph": prepared.graph_hash,
        "scales": [asdict(scale) for scale in prepared.scales],
        "road_users": prepared.classes.road_users.tolist(),
        "columns": prepared.classes.columns.tolist(),
        "count": prepared.classes.count,
        "trial": np.round(prepared.trial.astype(float), 6).tolist(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, json.dumps(head).encode() + b"\n" + prepared.graph)
    except OSError as error:
        _log.info("the prepared graph is not kept: %s cannot be written: %s", path, error)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def trial_blob(input_px: tuple[int, int]) -> Blob:
    """A made-up picture with patches, edges and grain, so that the maps are not flat."""
    random = np.random.default_rng(0)
    w, h = input_px
    patches = random.random((3, -(-h // 32), -(-w // 32)), np.float32)
    picture = np.kron(patches, np.ones((1, 32, 32), np.float32))[:, :h, :w]
    grain = random.random((3, h, w), np.float32)
    return np.ascontiguousarray((0.8 * picture + 0.2 * grain)[None], np.float32)


def rows(found: Detections) -> np.ndarray:
    """Boxes and scores (N, 5)."""
    return np.column_stack([found.xyxy_px, found.confidence])


def same_rows(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether boxes and scores (N, 5) are the same but for rounding."""
    return found.shape == wanted.shape and bool(
        np.allclose(found[:, :4], wanted[:, :4], rtol=1e-4, atol=BOX_TOLERANCE_PX)
        and np.allclose(found[:, 4], wanted[:, 4], rtol=SCORE_TOLERANCE, atol=1e-5)
    )


def not_ours(path: Path) -> str:
    """Why a file may be somebody else's, "" where it may not: it would run as these weights."""
    status = path.stat()
    if status.st_uid not in (os.getuid(), 0):
        return "belongs to another user"
    if status.st_mode & 0o022:
        return "can be written by other users"
    return "is too large" if status.st_size > _MOST_BYTES else ""


def _read(path: Path, weights_hash: str) -> Prepared | None:
    with path.open("rb") as file:
        head = json.loads(file.readline(_MOST_BYTES))
        if (head["form"], head["version"], head["weights"]) != (_FORM, __version__, weights_hash):
            return None  # of another version: not worth a word
        graph = file.read()
    if hashlib.sha256(graph).hexdigest() != head["graph"]:
        raise ValueError("its hash is wrong")
    return Prepared(
        graph,
        tuple(MapNames(**scale) for scale in head["scales"]),
        ClassColumns(
            np.array(head["columns"], np.int64),
            np.array(head["road_users"], np.int64),
            int(head["count"]),
        ),
        np.array(head["trial"], np.float32),
    )
