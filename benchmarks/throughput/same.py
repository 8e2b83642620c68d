"""Whether the same violations are found when only some frames are looked at.

The detector looks at every frame once and is remembered; each way of choosing then costs only
tracking and rules. Real clips hold few violations or none, so each site is run changed as well:
directions turned round, where all who drive well drive wrong, and a limit that everybody exceeds.
Near misses are no records and are not compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import Change, report_every_speed, reverse_directions, variant
from benchmarks.throughput.stages import profile
from traffic_ai.config.site import Site
from traffic_ai.core.violation import Violation
from traffic_ai.tuning import unmatched
from traffic_ai.wiring import open_site


@dataclass(frozen=True, slots=True)
class Same:
    """Violations by one choice of frames, held against every frame looked at."""

    site: str
    looks_a_second: float
    everything: int
    found: int
    lost: list[str]
    gained: list[str]


def compared(clip: Path, site: Path, detector: RememberingDetector) -> list[Same]:
    """The site as it is, and changed so that much is reported."""
    variants: dict[str, Change | None] = {"as it is": None, "directions turned": reverse_directions}
    variants["every speed"] = report_every_speed
    with TemporaryDirectory() as folder:
        results = []
        for name, change in variants.items():
            read = open_site(site) if change is None else _changed(site, change, Path(folder))
            if read is not None:
                results.append(_compared(name, clip, read, detector))
    return results


def _changed(site: Path, change: Change, folder: Path) -> Site | None:
    """The changed site; None where the change has nothing to work on."""
    cameras = yaml.safe_load(site.read_text(encoding="utf-8"))["cameras"]
    if change is report_every_speed and not all("calibration" in camera for camera in cameras):
        return None

    def only_direction(camera: dict[str, object]) -> None:
        change(camera)
        if change is reverse_directions:
            camera["rules"] = {"wrong_way": None}
            camera.pop("stop_lines", None)

    return variant(site, only_direction, folder)


def _compared(name: str, clip: Path, site: Site, detector: RememberingDetector) -> Same:
    runs = [profile(clip, site, detector, every_frame=every) for every in (True, False)]
    every, some = ([f for f in run.findings if isinstance(f, Violation)] for run in runs)
    lost, gained = unmatched(every, some)
    looks_a_second = runs[1].looks / runs[1].video_s
    return Same(name, looks_a_second, len(every), len(some), _told(lost), _told(gained))


def _told(violations: Iterable[Violation]) -> list[str]:
    return [f"{one.kind} {one.lane_id} {one.t_s:.2f} s" for one in violations]
