"""Where the checks of a site file put what they find."""

from collections.abc import Callable

from traffic_ai.config.problems import KeyPath, Remark, Severity


class Notes:
    """Remarks on one file. `in_file` turns a path of what was read into one of the file."""

    def __init__(self, in_file: Callable[[KeyPath], KeyPath]) -> None:
        self.path = in_file
        self.remarks: list[Remark] = []

    def error(self, at: KeyPath, message: str, hint: str) -> None:
        """Something the program cannot work with."""
        self.remarks.append(Remark(self.path(at), message, hint))

    def warn(self, at: KeyPath, message: str, hint: str) -> None:
        """Something that is probably not meant."""
        self.remarks.append(Remark(self.path(at), message, hint, Severity.WARNING))
