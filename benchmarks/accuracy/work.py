"""Many pieces of work in several processes, results in order, progress on the error stream.

Each result is kept beside the hash of all code it may depend on: a run that was broken off goes on
where it was, a larger share takes over what a smaller one did, and changed code starts anew.
"""

import hashlib
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_ROOT = Path(__file__).parents[2]
_CODE = ("traffic_ai", "benchmarks/accuracy")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A piece of work and the file its result is kept in."""

    piece: T
    path: Path


def kept(pieces: Sequence[T], keys: Sequence[str], folder: Path) -> list[Kept[T]]:
    """The pieces with their files. keys: what tells each from all others, short text."""
    of_code = folder / "kept" / code_hash()
    names = [f"{_slug(key)}-{hashlib.sha256(key.encode()).hexdigest()[:12]}" for key in keys]
    return [Kept(p, of_code / f"{n}.pickle") for p, n in zip(pieces, names, strict=True)]


def each(do: Callable[[T], R], pieces: Sequence[Kept[T]], jobs: int, what: str) -> Iterator[R]:
    """What comes of every piece, in their order."""
    started_s = time.monotonic()

    def shown(results: Iterator[R]) -> Iterator[R]:
        for number, result in enumerate(results, 1):
            took_s = time.monotonic() - started_s
            print(f"\r{what}: {number} of {len(pieces)}, {took_s:.0f} s", end="", file=sys.stderr)
            yield result
        print(file=sys.stderr)

    if jobs <= 1:
        yield from shown(map(partial(_once, do), pieces))
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from shown(pool.imap(partial(_once, do), pieces))


def code_hash() -> str:
    """Of every file a result may depend on."""
    found = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                found.update(str(path.relative_to(_ROOT)).encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _once(do: Callable[[T], R], piece: Kept[T]) -> R:
    """The kept result, or a new one."""
    if piece.path.exists():
        result: R = pickle.loads(piece.path.read_bytes())
        return result
    result = do(piece.piece)
    piece.path.parent.mkdir(parents=True, exist_ok=True)
    part = piece.path.with_suffix(".part")
    part.write_bytes(pickle.dumps(result))
    part.replace(piece.path)
    return result


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:60].strip("-")
