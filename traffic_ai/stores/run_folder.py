"""What lies where in a run folder."""

from pathlib import Path

from traffic_ai.core.errors import StoreError, UsageError

STORE_NAME = "violations.sqlite"
EVIDENCE_NAME = "evidence"
UNFINISHED_NAME = ".unfinished"
TRACKS_NAME = "tracks"


def track_log_path(run_folder: Path, source_id: str) -> Path:
    """Where the tracks of an analysed source lie, if they were kept. source_id: `SourceKey.id`."""
    return run_folder / TRACKS_NAME / f"{source_id}.jsonl"


def make_run_folder(path: Path) -> None:
    """Make a run folder where there is none. Raises StoreError, UsageError for a file's name."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, not a run folder; name another with --out")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the run folder {path}: {error.strerror}; name another with --out"
        ) from error
