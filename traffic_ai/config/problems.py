"""What is wrong with a site file: problems that say where, what and what to do.

First step of reading a site file; everything else in this package reports through it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from traffic_ai.core.errors import ConfigError

KeyPath = tuple[str | int, ...]

_SHOWN_LENGTH = 60


class Severity(StrEnum):
    """An error stops the program, a warning is only shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `path` as in `cameras[0].lanes[2].polygon`; `line` counts from 1."""

    path: str
    line: int
    message: str
    hint: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"

    @property
    def text(self) -> str:
        """All of it but the line."""
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Remark:
    """A problem before its line is known, at a path of keys and positions in the file."""

    at: KeyPath
    message: str
    hint: str
    severity: Severity = Severity.ERROR


class SiteFileError(ConfigError):
    """A site file cannot be used. `problems` holds all of them; the text gives one a line."""

    def __init__(self, file: Path, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.path, p.message)))
        super().__init__("\n".join(report_lines(file, self.problems)))

    def __reduce__(self) -> tuple[type["SiteFileError"], tuple[Path, tuple[Problem, ...]]]:
        return SiteFileError, (self.file, self.problems)


def report_lines(file: Path, problems: Iterable[Problem]) -> list[str]:
    """One line a problem, in the form that editors and terminals turn into links."""
    return [f"{file}:{p.line}: {p.severity.value}: {p.text}" for p in problems]


def path_text(path: KeyPath) -> str:
    """A path as users read it: `cameras[0].lanes[2].polygon`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
            continue
        plain = key.isprintable() and len(key) <= _SHOWN_LENGTH and not looks_like_url(key)
        name = key if plain else show(key)
        text += f".{name}" if text else name
    return text


def looks_like_url(text: str) -> bool:
    """Whether a text may hold a user's password, with or without its scheme."""
    return "://" in text or "@" in text


def show(value: object) -> str:
    """A value as it may stand in a message: short, and never a URL, which may hold a password."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, dict):
        return "keys with values"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(show(item) for item in value[:8]) + "]"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = str(value)
    if looks_like_url(text):
        return "what looks like a URL"
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    words = sorted(known)
    near = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not words:
        return "there are none"
    return "known: " + ", ".join(words)
