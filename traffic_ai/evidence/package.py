"""A folder that appears whole under its name or not at all."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path


@contextmanager
def partial_folder(final: Path) -> Iterator[Path]:
    """A temporary sibling of `final` to fill and then to publish; what was not is removed.

    Remains of a killed process are cleared away.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    clear_remains(final)
    partial = partial_name(final)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def package_folder(
    root: Path, camera_id: str, kind: str, occurred_at: datetime | None, violation_id: str
) -> Path:
    """Where a violation's package lies or will lie below the evidence root."""
    day = occurred_at.astimezone(UTC).date().isoformat() if occurred_at else "undated"
    return root / folder_name(camera_id) / kind / day / folder_name(violation_id)


def partial_name(final: Path) -> Path:
    """Where this process keeps a folder that has not come yet, or is going."""
    return final.parent / f".{final.name}.{os.getpid()}.partial"


def publish(partial: Path, final: Path) -> None:
    """Give a folder whose files are durable its final name, durably."""
    sync(partial)
    partial.rename(final)
    sync(final.parent)


def clear_remains(final: Path, *, own: bool = True) -> None:
    """Remove partial folders of the same name whose process is gone.

    own: also those of this process's number, which a killed one had before; not where another
    thread may be filling one.
    """
    for remains in final.parent.glob(f".{final.name}.*.partial"):
        pid = remains.name.split(".")[-2]
        if (own and pid == str(os.getpid())) or not process_runs(pid):
            shutil.rmtree(remains, ignore_errors=True)


def clear_camera_remains(folder: Path, *, own: bool = True) -> None:
    """Remove the partial folders of a camera's packages whose process is gone."""
    for remains in folder.glob("*/*/.*.partial"):
        clear_remains(remains.parent / remains.name[1:].rsplit(".", 2)[0], own=own)


def process_runs(pid: str) -> bool:
    """Whether a process of this number runs."""
    with suppress(ValueError, ProcessLookupError):
        with suppress(PermissionError):  # it runs, as another user
            os.kill(int(pid), 0)
        return True
    return False


def sync(path: Path) -> None:
    """Make a file, or a folder's list of names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_name(text: str) -> str:
    """A name that is safe as one folder: as it is where it can be, else cleaned with a hash."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", text):
        return text
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:60].strip("_") or "_"
    tail = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{cleaned}-{tail}"
