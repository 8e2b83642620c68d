"""ONNX weights: the detector that is used by default, in the engine that was chosen."""

import hashlib
import logging
from pathlib import Path

from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.detectors.engines import DEFAULT_CHOICE, EngineChoice, open_session, words
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.networks import CutNetwork
from traffic_ai.detectors.prepared import (
    int8_path,
    keep_prepared,
    keeps_apart,
    prepared_path,
    read_prepared,
)
from traffic_ai.detectors.remembered import recall
from traffic_ai.detectors.suppression import IOU_LIMIT
from traffic_ai.detectors.yolo import MIN_CONFIDENCE, Network, YoloDetector

_log = logging.getLogger(__name__)


class OnnxDetector(YoloDetector):
    """Road users by YOLO weights in an ONNX file (heads of YOLOv8 and its kin).

    path: the file; sha256: what it must hash to, if given. size_px, min_confidence, iou_limit: as
    in `YoloDetector`. choice: what runs the network, in how many threads, and how many pictures
    at once. folder: where graphs that were prepared are kept; None keeps none, and has no eight-bit
    graph.

    A graph of fixed input is cut and run at any size where that gives the whole graph's boxes;
    else it runs as it is, at its own size. Raises ModelError.
    """

    def __init__(
        self,
        path: Path,
        *,
        sha256: str | None = None,
        size_px: int = 640,
        min_confidence: float = MIN_CONFIDENCE,
        iou_limit: float = IOU_LIMIT,
        choice: EngineChoice = DEFAULT_CHOICE,
        folder: Path | None = None,
    ) -> None:
        weights_hash = _hash(path)
        if sha256 is not None and weights_hash != sha256:
            raise UnusableModelError(
                f"{path} is not the expected file: its SHA-256 is {weights_hash}, wanted {sha256}; "
                "fetch it anew"
            )
        if choice.engine.is_int8:
            network, graph_hash = _eight_bits(path, weights_hash, size_px, choice, folder)
        else:
            network, graph_hash = load_network(path, weights_hash, choice, folder), ""
        super().__init__(
            network,
            choice.model_hash(weights_hash, graph_hash),
            size_px=size_px,
            min_confidence=min_confidence,
            iou_limit=iou_limit,
            batch_size=_batch_size(network, choice, path),
        )


def load_network(
    path: Path,
    weights_hash: str,
    choice: EngineChoice = DEFAULT_CHOICE,
    folder: Path | None = None,
) -> Network:
    """The network of an ONNX file that has this SHA-256. folder: as above. Raises ModelError."""
    kept = prepared_path(folder, weights_hash) if folder is not None else None
    known = read_prepared(kept, weights_hash) if kept is not None else None
    if known is not None:
        network = known.network(open_session(known.graph, str(path), choice))
        if known.fits(network):
            return network
        _log.warning("%s is made anew: it finds something else than when it was made", kept)
    from traffic_ai.detectors.exported import Export

    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != weights_hash:
        raise ModelError(f"{path} changed while it was read; try again")
    export = Export(data, str(path), choice.thread_count)
    prepared = export.prepare()
    if prepared is None:
        return export.whole(choice)
    if kept is not None:
        keep_prepared(kept, weights_hash, prepared)
    network = prepared.network(open_session(prepared.graph, str(path), choice))
    if not prepared.fits(network):
        raise UnusableModelError(
            f"{path} does not give the same boxes in {words(choice.engine)}; choose another engine"
        )
    return network


def _eight_bits(
    path: Path, weights_hash: str, size_px: int, choice: EngineChoice, folder: Path | None
) -> tuple[Network, str]:
    """The network of the eight-bit graph that was found good, and that graph's hash."""
    kept = recall(folder, weights_hash, size_px) if folder is not None else None
    known = None
    if folder is not None and kept is not None and choice.engine in kept.accepted:
        known = read_prepared(
            int8_path(folder, weights_hash, size_px, kept.graph_hash), weights_hash
        )
    if known is None or kept is None or known.graph_hash != kept.graph_hash:
        raise UnusableModelError(
            f"there is no eight-bit graph of {path} for size {size_px} that was found good here; "
            "`traffic-ai tune` makes one, and keeps it where it finds the same"
        )
    return known.network(open_session(known.graph, str(path), choice)), known.graph_hash


def _batch_size(network: Network, choice: EngineChoice, path: Path) -> int:
    """As chosen, where the network takes several pictures at once and does not mix them."""
    if choice.batch_size == 1 or not isinstance(network, CutNetwork):
        return 1
    if keeps_apart(network):
        return choice.batch_size
    _log.warning(
        "%s finds something else in several pictures at once in %s: they are run one by one",
        path,
        words(choice.engine),
    )
    return 1


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise UnusableModelError(
            f"weights {path} cannot be read ({error.strerror or error}); "
            "`traffic-ai models pull yolov8n` fetches the default ones"
        ) from error
