"""YAML text as plain data with the line of every key; refuses what is not a harmless text file.

Second step of reading a site file. Tags, deep nesting and aliases that expand to something huge
are refused before anything is built from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from traffic_ai.config.problems import KeyPath, Problem, SiteFileError, path_text, show

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 200_000
LARGEST_INT = 10**15

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """The file's data, the line of each path in it, and keys that were written twice."""

    file: Path
    data: object
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]

    def line(self, path: KeyPath) -> int:
        """The line of a path, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read_document(file: Path) -> Document:
    """Read a file; raises SiteFileError if it is not a plain YAML text of reasonable size."""
    text = _read_text(file)
    try:
        root = _Loader(text).get_single_node()
        if root is None:
            raise _refusal(file, 1, "the file is empty", "start it with: version: 1")
        return _Expansion(file).document(root)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, error) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the file is not plain text: it holds {text[error.position]!r}"
        raise _refusal(file, line, message, "remove it") from None


def _read_text(file: Path) -> str:
    if file.is_dir():
        raise _refusal(file, 1, "this is a folder", "give the site file inside it")
    if not file.exists():
        raise _refusal(file, 1, "there is no such file", "check the path")
    if not file.is_file():
        raise _refusal(file, 1, "this is not a regular file", "give a YAML text file")
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refusal(file, 1, f"cannot be read: {error.strerror}", "check its rights") from None
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        raise _refusal(file, 1, message, "is this a site file? split it by camera if it is")
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(file, 1, "the file is binary, not text", "give a YAML text file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"the file is not UTF-8 text (byte {error.start} is 0x{raw[error.start]:02x})"
        raise _refusal(file, line, message, "save it as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with a limit on nesting."""

    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(
                None,
                None,
                f"nested more than {MAX_DEPTH} deep",
                self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Expansion:
    """Turns the node graph into data, counting every node again each time an alias repeats it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: dict[KeyPath, int] = {}
        self._problems: list[Problem] = []
        self._count = 0
        self._scalars = SafeConstructor()

    def document(self, root: Node) -> Document:
        self._lines[()] = _line(root)
        data = self._value(root, ())
        return Document(self._file, data, self._lines, tuple(self._problems))

    def _value(self, node: Node, path: KeyPath) -> object:
        self._count_node(node, path)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return {key: self._value(value, (*path, key)) for key, value in self._pairs(node, path)}
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            items = []
            for index, child in enumerate(node.value):
                self._lines[(*path, index)] = _line(child)
                items.append(self._value(child, (*path, index)))
            return items
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        raise self._refuse(node, path, f"the tag {show(node.tag)} is not allowed", "remove it")

    def _pairs(self, node: MappingNode, path: KeyPath) -> list[tuple[str, Node]]:
        """The entries of a mapping; own keys come before those merged in with `<<`."""
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value in node.value:
            self._count_node(key_node, path)
            if key_node.tag == _TAG + "merge":
                self._merge(value, path, merged)
                continue
            key = self._key(key_node, path)
            if key in own:
                message = f"the key {show(key)} is written twice here"
                hint = f"the first is on line {self._lines[(*path, key)]}; keep one of them"
                where = path_text((*path, key))
                self._problems.append(Problem(where, _line(key_node), message, hint))
                continue
            own[key] = value
            self._lines[(*path, key)] = _line(key_node)
        for key, value in merged.items():
            if key not in own:
                own[key] = value
                self._lines[(*path, key)] = _line(value)
        return list(own.items())

    def _merge(self, value: Node, path: KeyPath, merged: dict[str, Node]) -> None:
        sources = value.value if isinstance(value, SequenceNode) else [value]
        for source in sources:
            if not isinstance(source, MappingNode):
                raise self._refuse(value, path, "'<<' takes a mapping", "write <<: *name")
            self._count_node(source, (*path, "<<"))
            for key, node in self._pairs(source, (*path, "<<")):
                merged.setdefault(key, node)

    def _key(self, node: Node, path: KeyPath) -> str:
        if isinstance(node, ScalarNode) and node.tag in (_TAG + "str", _TAG + "value"):
            return str(self._scalar(node, path))
        text = node.value if isinstance(node, ScalarNode) else "a list or mapping"
        raise self._refuse(node, path, f"a key must be text, got {show(text)}", "put it in quotes")

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        kind = node.tag.removeprefix(_TAG)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return self._scalars.construct_yaml_bool(node)
                case "int":
                    number = self._scalars.construct_yaml_int(node)
                    if abs(number) > LARGEST_INT:
                        raise ValueError
                    return number
                case "float":
                    return self._scalars.construct_yaml_float(node)
                case "str" | "timestamp" | "value" | "merge":  # a time is read by the schema
                    node.value.encode()  # refuses half a surrogate pair, which no file can hold
                    return node.value
        except (ValueError, KeyError, IndexError):
            message = f"{show(node.value)} is not a usable {kind}"
            raise self._refuse(node, path, message, "put text in quotes") from None
        raise self._refuse(node, path, f"the tag {show(node.tag)} is not allowed", "remove it")

    def _count_node(self, node: Node, path: KeyPath) -> None:
        self._count += 1
        if len(path) > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} deep"
            raise self._refuse(node, path[:4], message, "does an alias (*name) contain itself?")
        if self._count > MAX_NODES:
            message = f"the file expands to more than {MAX_NODES} values"
            raise self._refuse(node, path, message, "use fewer aliases (*name) of aliases")

    def _refuse(self, node: Node, path: KeyPath, message: str, hint: str) -> SiteFileError:
        return _refusal(self._file, _line(node), message, hint, path)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _refusal(file: Path, line: int, message: str, hint: str, path: KeyPath = ()) -> SiteFileError:
    return SiteFileError(file, [Problem(path_text(path), line, message, hint)])


def _syntax_error(file: Path, error: yaml.MarkedYAMLError) -> SiteFileError:
    """The parser's reason and place, without the text of the line: it may hold a password."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    reason = error.problem or error.context or "it cannot be parsed"
    hint = "check the indentation, colons and brackets here and just above"
    if "'\\t'" in reason:
        hint = "indent with spaces, not tabs"
    if "single document" in (error.context or ""):
        reason, hint = "a second document starts with '---'", "one document a file; remove '---'"
    column = f" at column {mark.column + 1}" if mark else ""
    return _refusal(file, line, f"the file is not YAML: {reason}{column}", hint)
