"""What a verification found: problems, each with its place, and notes that accuse nobody."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was sealed. where: relative to what was verified."""

    where: str
    what: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        compared = ""
        if self.expected or self.found:
            compared = f"; expected {self.expected or 'nothing'}, found {self.found or 'nothing'}"
        return f"{self.where}: {self.what}{compared}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that needs no wrong-doing to come about."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class ChainSummary:
    """A camera's chain in figures. packages: without those that were deleted. public_keys: in the
    order in which they signed.
    """

    camera_id: str
    entries: int = 0
    packages: int = 0
    unsigned: int = 0
    public_keys: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """All that a verification found."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    chains: list[ChainSummary] = field(default_factory=list)

    def accuse(self, where: str, what: str, expected: str = "", found: str = "") -> None:
        """Add a problem."""
        self.problems.append(Problem(where, what, expected, found))

    def note(self, where: str, what: str) -> None:
        """Add a note."""
        self.notes.append(Note(where, what))
