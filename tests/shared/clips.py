"""The footage beside the checkout, and what a run on it leaves to be read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from traffic_ai.batch.outcome import FileOutcome
from traffic_ai.batch.run import Batch
from traffic_ai.config.site import Site
from traffic_ai.core.record import StoredViolation
from traffic_ai.core.violation import Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import StoredNearMiss
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME
from traffic_ai.wiring import open_site

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
FOOTAGE = ROOT.parent / "shared" / "footage"

RED_LIGHT = FOOTAGE / "redlight_bangkok_352x288.mp4"
QUEUE = FOOTAGE / "intersection_hanoi_1615_640x480_6fps.mp4"
JUNCTION_BY_DAY = FOOTAGE / "intersection_bangkok_day_640x360.mp4"
DIVIDED_ROAD = FOOTAGE / "divided_road_lanes_640x480.avi"
CITY_LANES = FOOTAGE / "lanes_shenzhen_640x360.mp4"
GERMAN_JUNCTION = FOOTAGE / "opendatacam_junction_640x360_30fps.mp4"
MOTORWAY = FOOTAGE / "motorway_uk_2way_320x240.avi"
TWO_WAY_ROAD = FOOTAGE / "two_way_road"

on_footage = [
    pytest.mark.shared,
    pytest.mark.detector,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not FOOTAGE.is_dir(), reason="the real clips are not beside the checkout: ../shared/footage"
    ),
]


class Silent:
    """Nobody listens to the batch."""

    def file_begins(self, path: Path, number: int, total: int, duration_s: float | None) -> None:
        pass

    def frame_done(self, t_s: float, from_log: bool) -> None:
        pass

    def violation_found(self, violation: Violation) -> None:
        pass

    def file_ended(self, outcome: FileOutcome) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Records:
    """A run folder as its reader finds it; documents in the order of violations."""

    out_dir: Path
    outcomes: list[FileOutcome]
    violations: list[StoredViolation]
    documents: list[dict[str, Any]]
    near_misses: list[StoredNearMiss]

    def evidence(self, violation: StoredViolation) -> Path:
        assert violation.evidence_path is not None, violation.evidence_message
        inside = self.out_dir / EVIDENCE_NAME / violation.evidence_path
        return inside if inside.is_dir() else self.out_dir / violation.evidence_path


def process(
    site: Site, clips: Sequence[Path], out_dir: Path, detector: SizedDetector, *, evidence: bool
) -> Records:
    """What `traffic-ai process` does, and what it left."""
    batch = Batch(site, out_dir, detector, write_evidence=evidence)
    outcomes = batch.run(list(clips), Silent())
    for outcome in outcomes:
        assert outcome.state.value == "done", f"{outcome.path.name}: {outcome.message}"
    return records(out_dir, outcomes)


def records(out_dir: Path, outcomes: list[FileOutcome]) -> Records:
    with ViolationStore.open(out_dir / STORE_NAME) as store:
        found = list(store.documents())
        return Records(
            out_dir,
            outcomes,
            [d.stored for d in found],
            [json.loads(d.document) for d in found],
            list(store.near_misses()),
        )


def site_of(folder: Path, camera: dict[str, Any]) -> Site:
    """A site of one camera, drawn by a test."""
    file = folder / f"{camera['id']}.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "cameras": [camera]}), encoding="utf-8")
    return open_site(file)
