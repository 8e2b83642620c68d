"""What holds without the ultralytics extra; tests_ultralytics/ tests the rest."""

import sys
from pathlib import Path

import pytest

from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.ultralytics import UltralyticsDetector


def test_a_pt_file_is_not_even_opened_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--allow-pt"):
        UltralyticsDetector(tmp_path / "absent.pt")


def test_a_missing_extra_is_said_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"pip install 'traffic-ai\[ultralytics\]'"):
        UltralyticsDetector(own, allow_pickle=True)


def test_a_missing_or_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        UltralyticsDetector(tmp_path / "absent.pt", allow_pickle=True)
    own = tmp_path / "own.pt"
    own.write_bytes(b"x")
    with pytest.raises(ModelError, match="not the expected file"):
        UltralyticsDetector(own, allow_pickle=True, sha256="0" * 64)
