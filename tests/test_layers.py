"""The rule of the layers, read from the source: who may import whom, and who knows which driver.

Kept apart from import-linter's contracts in pyproject.toml, so that neither can be loosened alone.
"""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "traffic_ai"

# From top to bottom; parts in one row do not import each other.
ROWS = (
    {"cli"},
    {"watch", "batch", "audit", "evaluate", "simulate", "diagnosis", "tuning"},
    {"wiring"},
    {"delivery"},
    {"config"},
    {
        "pipeline",
        "attention",
        "rules",
        "sources",
        "viewpoint",
        "detectors",
        "tracking",
        "signals",
        "calibration",
        "evidence",
        "stores",
        "sinks",
    },
    {"core"},
)
LEVEL = {part: level for level, row in enumerate(ROWS) for part in row}
PURE = {"core": {"numpy", "shapely"}, "rules": {"numpy", "shapely"}, "pipeline": {"numpy"}}
# What makes a command slow to start; each is imported inside the command that needs it.
HEAVY = {
    "av",
    "cryptography",
    "cv2",
    "onnx",
    "onnxruntime",
    "pydantic",
    "pyrage",
    "rfc3161_client",
    "rich",
    "scipy",
    "sqlalchemy",
    "yaml",
}
# Modules of a command's own parts, imported inside the commands.
INSIDE_COMMANDS = {"live_table", "progress"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path):
    """The part of the package that a module belongs to; "" for the package's own __init__."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(tree):
    """Dotted names that a syntax tree imports, `from a import b` as both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(tree):
    for name in imports(tree):
        package, _, rest = name.partition(".")
        if package == "traffic_ai" and (part := rest.partition(".")[0]) in LEVEL:
            yield part


def others_imported(tree):
    """Top names of third-party packages."""
    for name in imports(tree):
        top = name.partition(".")[0]
        if top != "traffic_ai" and top not in sys.stdlib_module_names:
            yield top


def faults(part, tree):
    """What a module of a part imports and must not."""
    for other in parts_imported(tree):
        if other != part and LEVEL[other] <= LEVEL[part]:
            yield f"{part} imports {other}"
    if part in PURE:
        yield from (f"{part} imports {o}" for o in others_imported(tree) if o not in PURE[part])


def test_every_part_has_its_row():
    assert {part_of(path) for path in modules()} - {""} == set(LEVEL)


@pytest.mark.parametrize("part", sorted(LEVEL))
def test_a_part_imports_only_what_stands_below_it(part):
    found = {
        (str(path.relative_to(PACKAGE)), fault)
        for path in modules()
        if part_of(path) == part
        for fault in faults(part, ast.parse(path.read_text()))
    }
    assert not found


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("rules", "from traffic_ai.tracking import RoadPlaneTracker"),
        ("core", "from traffic_ai import rules"),
        ("core", "import traffic_ai.config.load"),
        ("core", "import cv2"),
        ("pipeline", "def f():\n    from sqlalchemy import select"),
        ("batch", "from traffic_ai.watch.run import Watch"),
        ("wiring", "from traffic_ai.batch.run import Batch"),
    ],
)
def test_a_forbidden_import_is_seen(part, line):
    assert list(faults(part, ast.parse(line)))


def test_commands_import_what_is_heavy_only_when_they_run():
    """At the top of a command's module; `if TYPE_CHECKING` blocks do not run."""
    for path in (PACKAGE / "cli").glob("*.py"):
        if path.stem in INSIDE_COMMANDS:
            continue
        tree = ast.parse(path.read_text())
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        heavy = set(others_imported(ast.Module(top, []))) & HEAVY
        assert not heavy, path.name


def test_only_the_edges_know_a_driver():
    """Each driver has its parts; a new one is decided here, not by the way."""
    at_home = {
        "sqlalchemy": {"stores"},
        "alembic": {"stores"},
        "pydantic": {"config"},
        "yaml": {"config"},
        "onnxruntime": {"detectors"},
        "openvino": {"detectors"},
        "onnx": {"detectors"},
        "typer": {"cli"},
        "cryptography": {"evidence"},
        "pyrage": {"evidence"},
        "rfc3161_client": {"evidence"},
    }
    for path in modules():
        if part_of(path) in ("", "simulate"):  # a tool for making videos, beside the product
            continue
        for name in others_imported(ast.parse(path.read_text())):
            assert part_of(path) in at_home.get(name, {part_of(path)}), (path, name)
