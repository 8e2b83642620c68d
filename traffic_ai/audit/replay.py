"""Records decided again from what their packages hold, every number compared.

Needs nothing but the package: not the footage, not the detector, not the site file it came from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from traffic_ai.audit.replay_package import Package, package_folders
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.replay import Difference
from traffic_ai.wiring import decide_again


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of one record.

    differences: values that do not come out again. problem: why it could not be decided again at
    all, or "".
    """

    folder: Path
    id: str
    kind: str
    differences: tuple[Difference, ...] = ()
    problem: str = ""

    @property
    def is_same(self) -> bool:
        """Whether every number came out again."""
        return not self.differences and not self.problem


def replay(path: Path) -> Iterator[ReplayReport]:
    """Decide the package at a path again, or every package of a run folder.

    Raises UsageError where there is none.
    """
    for folder in package_folders(path):
        yield replay_package(folder)


def replay_package(folder: Path) -> ReplayReport:
    """Decide one package's record again."""
    try:
        package = Package.read(folder)
    except EvidenceError as error:
        return ReplayReport(folder, folder.name, "", problem=str(error))
    try:
        differences = decide_again(package.violation, package.site_text(), package.decision_text())
    except EvidenceError as error:
        return ReplayReport(folder, package.id, package.kind, problem=str(error))
    return ReplayReport(folder, package.id, package.kind, tuple(differences))
