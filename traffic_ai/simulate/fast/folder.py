"""The run folder of a world that was analysed without pictures: a store like any other run's.

What tells it from one of a video: `model_hash` begins with NO_PICTURES in every record, the source
says what it is, and no record has evidence, with the reason.
"""

import hashlib
from pathlib import Path
from typing import Any

from traffic_ai import __version__
from traffic_ai.config.site import CameraSite
from traffic_ai.core.errors import UsageError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import Provenance
from traffic_ai.simulate.fast.errors import BoxErrors
from traffic_ai.simulate.fast.run import FastOptions, run_fast
from traffic_ai.simulate.fast.sights import sights, visible_shares
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.truth_file import truth_document, write_truth
from traffic_ai.simulate.world import World
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import SourceKey, SourceState
from traffic_ai.stores.run_folder import (
    EVIDENCE_NAME,
    STORE_NAME,
    make_run_folder,
    track_log_path,
)
from traffic_ai.stores.track_log import TrackLog
from traffic_ai.wiring import rules_version

NO_PICTURES = "no-pictures"
_WITHOUT = "simulated without pictures"


def write_run(world: World, truth_path: Path, folder: Path) -> dict[str, Any]:
    """Analyse a world without pictures into a new run folder, with its tracks; its truth too.

    The truth's file is written first: its SHA-256 is the source_hash of all that is found.
    """
    camera, shown = world_camera(world), sights(world)
    truth = truth_document(world, visible_shares(shown, len(world.timing.t_s)))
    write_truth(truth, truth_path)
    options = FastOptions.of(world)
    key = _key(camera, truth_path, options.errors)
    make_run_folder(folder)
    tracks = TrackLog(track_log_path(folder, key.id))
    run = run_fast(
        world,
        camera.scene(world.camera.width_px, world.camera.height_px),
        camera.rules,
        world.seed,
        options,
        shown=shown,
        provenance=Provenance(key.source_hash, key.config_hash, key.model_hash, __version__),
        each=lambda step: tracks.add(step.observation.frame_info.t_s, step.observation.tracks),
    )
    tracks.close(done=True)
    with ViolationStore.open(folder / STORE_NAME) as store:
        store.start_source(key, f"{world.name}, seed {world.seed}, {_WITHOUT}")
        for violation in store.add_findings(key, run.findings):
            store.set_evidence(violation.id, EvidenceState.FAILED, message=_WITHOUT)
        store.finish_source(
            key,
            SourceState.DONE,
            frame_count=len(run.stamps_s),
            duration_s=float(run.stamps_s[-1]),
            message=_WITHOUT,
        )
    return truth


def _key(camera: CameraSite, truth_path: Path, errors: BoxErrors) -> SourceKey:
    """The error model stands for the detector."""
    return SourceKey(
        camera.id,
        hashlib.sha256(truth_path.read_bytes()).hexdigest(),
        camera.config_hash,
        f"{NO_PICTURES}-{hashlib.sha256(repr(errors).encode()).hexdigest()}",
        rules_version(camera),
    )


def check_replaceable(folder: Path) -> None:
    """Whether a run may be put in place of what is there: only of another run without pictures.

    Raises UsageError.
    """
    if not folder.exists():
        return
    sources = []
    if (folder / STORE_NAME).is_file() and not (folder / EVIDENCE_NAME).exists():
        with ViolationStore.open(folder / STORE_NAME, read_only=True) as store:
            sources = [source.key.model_hash for source in store.sources()]
    if not sources or not all(name.startswith(NO_PICTURES) for name in sources):
        raise UsageError(
            f"{folder} is there already and was not made by `simulate --fast` alone; it is left "
            "as it is: move it away or give another --out"
        )
