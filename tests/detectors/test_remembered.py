"""The choice of an engine, kept for this machine and no other."""

import json
import logging
from pathlib import Path

import pytest

from traffic_ai.core.kinds import Engine
from traffic_ai.detectors import remembered
from traffic_ai.detectors.engines import EngineChoice
from traffic_ai.detectors.remembered import (
    Remembered,
    forget,
    is_anything_remembered,
    recall,
    remember,
)

WEIGHTS = "a" * 64
FOUND = Remembered(
    EngineChoice(Engine.ORT_INT8, 2, 4),
    0.6,
    (Engine.ORT, Engine.ORT_INT8),
    "2026-01-31T08:00:00",
    "c" * 64,
)


def test_a_choice_is_remembered_and_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert recall(folder, WEIGHTS, 640) is None
    assert not is_anything_remembered(folder)
    path = remember(folder, WEIGHTS, 640, FOUND)
    assert recall(folder, WEIGHTS, 640) == FOUND
    assert is_anything_remembered(folder)
    graph = folder / "x.int8-640.graph"
    graph.write_bytes(b"")
    other = folder / "x.float.graph"
    other.write_bytes(b"")
    assert forget(folder) == [path, graph]
    assert recall(folder, WEIGHTS, 640) is None
    assert list(folder.iterdir()) == [other]
    assert forget(folder) == []


def test_it_does_not_hold_for_other_weights_or_another_size(tmp_path: Path) -> None:
    remember(tmp_path, WEIGHTS, 640, FOUND)
    assert recall(tmp_path, "b" * 64, 640) is None
    assert recall(tmp_path, WEIGHTS, 320) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("_processor", "another"), ("core_count", 64), ("_version", "9.9")],
)
def test_it_does_not_hold_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    path = remember(tmp_path, WEIGHTS, 640, FOUND)
    monkeypatch.setattr(remembered, name, lambda *_: value)
    assert recall(tmp_path, WEIGHTS, 640) is None
    # Nor does its file under the name that the other machine looks for.
    path.rename(remembered._path(tmp_path, WEIGHTS, 640))
    assert recall(tmp_path, WEIGHTS, 640) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        {"engine": "abacus"},
        {"threads": 0},
        {"threads": "all"},
        {"batch_size": 3},
        {"batch_size": [1]},
        {"accepted": 7},
        {"ratio": None},
    ],
    ids=repr,
)
def test_a_file_that_cannot_be_used_is_not_heeded_and_told_of(
    tmp_path: Path, content: bytes | dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    path = remember(tmp_path, WEIGHTS, 640, FOUND)
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert recall(tmp_path, WEIGHTS, 640) is None
    assert str(path) in caplog.text
    assert "traffic-ai tune" in caplog.text
    remember(tmp_path, WEIGHTS, 640, FOUND)
    assert recall(tmp_path, WEIGHTS, 640) == FOUND


def test_a_file_that_others_may_write_is_not_heeded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remember(tmp_path, WEIGHTS, 640, FOUND).chmod(0o666)
    assert recall(tmp_path, WEIGHTS, 640) is None
    assert "can be written by other users" in caplog.text
