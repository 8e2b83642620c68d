"""Graphs kept on the disk: used where they are right, made anew where not."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from traffic_ai.detectors import exported, prepared
from traffic_ai.detectors.models import sha256_of
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.prepared import prepared_path, read_prepared

ModelMaker = Callable[..., onnx.ModelProto]
PICTURE = np.kron(
    np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
)


@pytest.fixture
def weights(colour_model: ModelMaker, tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(colour_model().SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "prepared"


def kept(weights: Path, folder: Path) -> Path:
    """The file that is made by a first load."""
    OnnxDetector(weights, folder=folder)
    path = prepared_path(folder, sha256_of(weights))
    assert [p.name for p in folder.iterdir()] == [path.name]
    return path


def slow_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time an export is taken apart."""
    ways: list[str] = []
    export = exported.Export

    def counted(data: bytes, where: str, threads: int) -> exported.Export:
        ways.append(where)
        return export(data, where, threads)

    monkeypatch.setattr(exported, "Export", counted)
    return ways


def test_a_kept_graph_gives_the_same_and_the_file_is_not_taken_apart(
    weights: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OnnxDetector(weights, folder=folder)
    ways = slow_ways(monkeypatch)
    again = OnnxDetector(weights, folder=folder)
    assert ways == []
    assert again.model_hash == first.model_hash == sha256_of(weights)
    one, other = first.detect(PICTURE), again.detect(PICTURE)
    assert len(one) > 5
    assert np.array_equal(one.xyxy_px, other.xyxy_px)
    assert np.array_equal(one.confidence, other.confidence)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(bytes(data))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 10)


def deep(path: Path) -> None:
    path.write_bytes(b"[" * 100_000 + b"\n")


def lacking(path: Path) -> None:
    line, _, graph = path.read_bytes().partition(b"\n")
    head = json.loads(line)
    del head["scales"]
    path.write_bytes(json.dumps(head).encode() + b"\n" + graph)


def another_answer(path: Path) -> None:
    """What another processor might make of it: the hash is right, the boxes are not."""
    line, _, graph = path.read_bytes().partition(b"\n")
    head = json.loads(line)
    head["trial"][3][0] += 1.0
    path.write_bytes(json.dumps(head).encode() + b"\n" + graph)


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize(
    "spoil", [cut_short, flip, empty, garbage, deep, lacking, another_answer, open_to_all]
)
def test_a_kept_graph_that_is_not_right_is_made_anew_and_told_of(
    weights: Path,
    folder: Path,
    spoil: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = kept(weights, folder)
    spoil(path)
    ways = slow_ways(monkeypatch)
    with caplog.at_level(logging.WARNING):
        found = OnnxDetector(weights, folder=folder).detect(PICTURE)
    assert "made anew" in caplog.text
    assert str(path) in caplog.text
    assert len(ways) == 1
    assert len(found) > 5
    OnnxDetector(weights, folder=folder)
    assert len(ways) == 1  # the new one is used


def test_a_kept_graph_of_another_version_is_made_anew(
    weights: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(weights, folder)
    assert read_prepared(path, sha256_of(weights)) is not None
    monkeypatch.setattr(prepared, "__version__", "999")
    assert read_prepared(path, sha256_of(weights)) is None


def test_a_kept_graph_is_not_used_for_other_weights(weights: Path, folder: Path) -> None:
    assert read_prepared(kept(weights, folder), "0" * 64) is None


def test_a_folder_that_cannot_be_made_changes_nothing(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    detector = OnnxDetector(weights, folder=tmp_path / "file" / "prepared")
    assert len(detector.detect(PICTURE)) > 5


def test_a_graph_that_is_not_cut_is_not_kept(
    colour_model: ModelMaker, tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "pinned.onnx"
    path.write_bytes(colour_model(pinned=True).SerializeToString())
    OnnxDetector(path, folder=folder)
    assert not folder.exists()


def test_with_a_kept_graph_the_onnx_package_is_not_loaded(weights: Path, folder: Path) -> None:
    kept(weights, folder)
    code = (
        "import sys; from pathlib import Path; from traffic_ai.detectors.onnx import OnnxDetector;"
        f"OnnxDetector(Path({str(weights)!r}), folder=Path({str(folder)!r}));"
        "sys.exit('onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
