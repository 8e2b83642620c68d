"""The same graphs in OpenVINO, where that extra is installed. Choosing it: tests/tuning."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from traffic_ai.core.errors import ModelError, UnusableModelError
from traffic_ai.core.frame import Image
from traffic_ai.core.kinds import Engine
from traffic_ai.detectors import engines
from traffic_ai.detectors.engines import EngineChoice, open_session
from traffic_ai.detectors.onnx import OnnxDetector

ModelMaker = Callable[..., onnx.ModelProto]
OPENVINO = EngineChoice(Engine.OPENVINO, 1)


@pytest.fixture
def weights(colour_model: ModelMaker, tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(colour_model().SerializeToString())
    return path


def cells(seed: int, height: int = 64, width: int = 96) -> Image:
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.kron(small, np.ones((8, 8, 1), np.uint8))


def test_without_the_extra_the_way_to_get_it_is_told(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "traffic_ai.detectors.openvino", None)
    with pytest.raises(UnusableModelError, match=r"pip install 'traffic-ai\[openvino\]'"):
        OnnxDetector(weights, choice=OPENVINO)
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert engines.engines_here() == [Engine.ORT, Engine.ORT_INT8]


@pytest.mark.parametrize("pinned", [False, True], ids=["cut", "whole"])
def test_it_finds_what_onnx_runtime_finds(
    colour_model: ModelMaker, pinned: bool, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "model.onnx"
    path.write_bytes(colour_model(pinned=pinned).SerializeToString())
    together = replace(OPENVINO, batch_size=2)
    one, other = OnnxDetector(path, size_px=256), OnnxDetector(path, size_px=256, choice=together)
    assert other.batch_size == (1 if pinned else 2)
    pictures = [cells(1), cells(2, 128, 256), cells(3)]
    for found, wanted in zip(other.detect_many(pictures), one.detect_many(pictures), strict=True):
        assert len(wanted) > 0
        assert np.array_equal(found.class_id, wanted.class_id)
        assert np.allclose(found.xyxy_px, wanted.xyxy_px, atol=0.01)
        assert np.allclose(found.confidence, wanted.confidence, atol=1e-4)


def test_what_it_cannot_read_is_refused(colour_model: ModelMaker) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(ModelError, match=r"m\.onnx cannot be run by OpenVINO"):
        open_session(b"no network", "m.onnx", OPENVINO)
    session = open_session(colour_model(pinned=True).SerializeToString(), "m.onnx", OPENVINO)
    assert session.input_px == (96, 64)
    with pytest.raises(ModelError, match=r"m\.onnx fails in OpenVINO on an input \[1, 3, 64, 64\]"):
        session.run(np.zeros((1, 3, 64, 64), np.float32))


def test_threads_that_call_at_once_get_what_they_asked_for(weights: Path) -> None:
    pytest.importorskip("openvino")
    detector = OnnxDetector(weights, choice=OPENVINO)
    pictures = [cells(seed) for seed in range(4)]
    wanted = [detector.detect(picture) for picture in pictures]
    wrong: list[int] = []

    def look(i: int) -> None:
        for _ in range(10):
            if not np.array_equal(detector.detect(pictures[i]).xyxy_px, wanted[i].xyxy_px):
                wrong.append(i)

    threads = [threading.Thread(target=look, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_reported_and_no_id_is_left_in_the_home(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    code = (
        "import sys, traffic_ai.detectors.openvino;"
        "sys.exit(any(n.startswith('openvino_telemetry.') for n in sys.modules))"
    )
    home = {**os.environ, "HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=home, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []
