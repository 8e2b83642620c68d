"""Reads what a run left behind, as far as it has to do with one truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from traffic_ai.config.site import CameraSite, Site
from traffic_ai.core.errors import UsageError
from traffic_ai.core.record import StoredViolation
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import NearMiss, Violation
from traffic_ai.evaluate.truth import Truth
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter, SourceKey, SourceRun, SourceState
from traffic_ai.stores.run_folder import STORE_NAME, track_log_path
from traffic_ai.stores.track_log import FrameTracks, read_tracks
from traffic_ai.wiring import open_site

# A truth whose length is further from the recording's is most likely of another one.
_LENGTH_SHARE, _LENGTH_S = 0.05, 2.0
_ANY_SIZE_PX = (1280, 720)


@dataclass(frozen=True, slots=True)
class Run:
    """One analysed source of a run folder. `tracks`: by frame, None where they were not kept.

    `notes`: what a reader of the figures should know.
    """

    source: SourceRun
    records: tuple[Violation, ...]
    near_misses: tuple[NearMiss, ...]
    tracks: tuple[FrameTracks, ...] | None
    camera: CameraSite
    scene: Scene
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which run is judged. site: the site file it ran with; camera_id and video: where the folder
    holds several.
    """

    folder: Path
    site: Path
    camera_id: str | None = None
    video: str | None = None


def read_run(wanted: Wanted, truth: Truth) -> Run:
    """The run a truth is of. Raises UsageError where there is none, or where it is not clear."""
    path = wanted.folder / STORE_NAME
    if not path.is_file():
        raise UsageError(
            f"{wanted.folder} holds no {STORE_NAME}; name the folder that an analysis wrote to"
        )
    site = open_site(wanted.site)
    with ViolationStore.open(path, read_only=True) as store:
        sources = list(store.sources())
        camera_id = _camera_id(wanted, truth, sources)
        camera = _camera(site, camera_id)
        source = _source(wanted, camera, [one for one in sources if one.key.camera_id == camera_id])
        only = RecordFilter(camera_ids=(camera_id,))
        found = (finding_of(one.document, Violation) for one in store.documents(only))
        records = tuple(record for record in found if is_of(record, source.key))
        near_misses = tuple(
            finding_of(one.document, NearMiss)
            for one in store.near_misses(only)
            if one.source_id == source.key.id
        )
    kept = track_log_path(wanted.folder, source.key.id)
    return Run(
        source=source,
        records=records,
        near_misses=near_misses,
        tracks=tuple(read_tracks(kept)) if kept.is_file() else None,
        camera=camera,
        scene=_scene(camera, truth),
        notes=tuple(_notes(wanted, camera, source, truth, kept)),
    )


def _camera_id(wanted: Wanted, truth: Truth, sources: Sequence[SourceRun]) -> str:
    """The camera that is judged: as asked for, as the truth says, or the only one there is."""
    there = list(dict.fromkeys(source.key.camera_id for source in sources))
    if not there:
        raise UsageError(f"{wanted.folder} holds no analysis; run `traffic-ai process` first")
    asked = wanted.camera_id or truth.camera_id
    if wanted.camera_id and truth.camera_id and wanted.camera_id != truth.camera_id:
        raise UsageError(
            f"--camera is {wanted.camera_id!r}, but the truth is of camera {truth.camera_id!r}"
        )
    if asked is None and len(there) > 1:
        raise UsageError(
            f"{wanted.folder} holds the cameras {', '.join(there)}; say with --camera which one "
            "the truth is of, or write its camera_id into the truth"
        )
    if asked is not None and asked not in there:
        raise UsageError(
            f"the truth is of camera {asked!r}, but {wanted.folder} holds "
            f"{', '.join(repr(one) for one in there)}; give the truth of that camera"
        )
    return asked or there[0]


def _camera(site: Site, camera_id: str) -> CameraSite:
    try:
        return site.camera(camera_id)
    except KeyError:
        known = ", ".join(repr(one.id) for one in site.cameras)
        raise UsageError(
            f"{site.path} has no camera {camera_id!r}, only {known}; "
            "give --site the file that the run was made with"
        ) from None


def _source(wanted: Wanted, camera: CameraSite, sources: Sequence[SourceRun]) -> SourceRun:
    """The analysis that is judged: of the one video, with this site file if there is one."""
    done = [source for source in sources if source.state is SourceState.DONE]
    if not done:
        raise UsageError(
            f"no analysis of camera {camera.id!r} in {wanted.folder} was finished; run it again"
        )
    if wanted.video is not None:
        done = [source for source in done if Path(source.location).name == wanted.video]
        if not done:
            raise UsageError(f"{wanted.folder} holds no finished video {wanted.video!r}")
    if len({source.key.source_hash for source in done}) > 1:
        names = sorted({Path(source.location).name for source in done})
        raise UsageError(
            f"{wanted.folder} holds {len(names)} videos of camera {camera.id!r} "
            f"({', '.join(names[:5])}); say with --video which one the truth is of"
        )
    same = [source for source in done if source.key.config_hash == camera.config_hash]
    return (same or done)[-1]


def is_of(record: Violation | StoredViolation, key: SourceKey) -> bool:
    """Whether a record comes from that very analysis, not from one with another site or rules."""
    made = record.provenance
    return (
        (made.source_hash, made.config_hash, made.model_hash)
        == (key.source_hash, key.config_hash, key.model_hash)
    ) and f"{record.kind}={record.rule_version}" in key.rules_version.split(",")


def _scene(camera: CameraSite, truth: Truth) -> Scene:
    """The camera's scene; the picture's size matters for lanes and limits only as it must fit."""
    return camera.scene(*(truth.picture_px or camera.reference_size_px or _ANY_SIZE_PX))


def _notes(
    wanted: Wanted, camera: CameraSite, source: SourceRun, truth: Truth, kept: Path
) -> list[str]:
    notes = []
    if source.key.config_hash != camera.config_hash:
        notes.append(
            f"the run was made with another site file than {wanted.site.name}, or with "
            "--start-time: grace, tolerances and limits are those of this file"
        )
    if abs(source.duration_s - truth.duration_s) > _LENGTH_S + _LENGTH_SHARE * truth.duration_s:
        notes.append(
            f"the truth lasts {truth.duration_s:.1f} s, the recording {source.duration_s:.1f} s: "
            "is it of this recording?"
        )
    if not kept.is_file():
        notes.append(
            "the run kept no tracks (process --keep-tracks): they are not scored, and near misses "
            "are known by lane and time only"
        )
    return notes
