"""One detector for all of this folder: each picture is looked at once."""

import pytest

from benchmarks.footage.remember import RememberingDetector
from traffic_ai.wiring import DetectorOptions, load_detector


@pytest.fixture(scope="session")
def detector() -> RememberingDetector:
    return RememberingDetector(load_detector(DetectorOptions()))
