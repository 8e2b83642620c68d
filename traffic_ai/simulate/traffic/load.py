"""Reads scenarios: files of one's own, and those that come with the package."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from traffic_ai.config.document import Document, read_document
from traffic_ai.config.problems import show, suggest
from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.explain import merged
from traffic_ai.simulate.traffic.schema import Scenario, read_scenario

SUFFIX = ".yaml"
_DEEPEST = 5


def load_scenario(path_or_name: str | Path) -> Scenario:
    """The scenario of a file, or of that name in the package.

    Raises ConfigError with every mistake, each with its line, value and remedy.
    """
    file = _file(str(path_or_name))
    document = read_document(file)
    data = _extended(document, 0)
    data.setdefault("name", file.stem)
    return read_scenario(data, lambda path: f"{file}:{document.line(path)}: ")


def packaged_names() -> tuple[str, ...]:
    """The names of the scenarios that come with the package."""
    return tuple(sorted(file.stem for file in _folder().glob(f"*{SUFFIX}")))


def _folder() -> Path:
    return Path(str(resources.files("traffic_ai.simulate") / "scenarios"))


def _file(path_or_name: str, beside: Path | None = None) -> Path:
    """A file if it looks like one, else the packaged scenario of that name."""
    if path_or_name.endswith((SUFFIX, ".yml")) or "/" in path_or_name:
        return beside / path_or_name if beside is not None else Path(path_or_name)
    names = packaged_names()
    if path_or_name not in names:
        raise ConfigError(
            f"there is no scenario {show(path_or_name)} ({suggest(path_or_name, names)}); "
            f"a file of your own ends in {SUFFIX}"
        )
    return _folder() / f"{path_or_name}{SUFFIX}"


def _extended(document: Document, depth: int) -> dict[str, object]:
    """The file's keys, laid over those of the scenario it extends."""
    if document.problems:
        raise ConfigError("\n".join(str(problem) for problem in document.problems))
    if not isinstance(document.data, Mapping):
        raise ConfigError(
            f"{document.file}:1: a scenario is keys with values, got {show(document.data)}; "
            "such as road: {kind: junction}"
        )
    own = {str(key): value for key, value in document.data.items()}
    base = own.pop("extends", None)
    if base is None:
        return own
    if not isinstance(base, str) or depth >= _DEEPEST:
        what = f"{show(base)} is no name or file" if depth < _DEEPEST else "extends too often"
        raise ConfigError(f"{document.file}: extends: {what}; give the name of a scenario")
    under = _extended(read_document(_file(base, document.file.parent)), depth + 1)
    under.pop("name", None)
    under.pop("description", None)
    return merged(under, own)
