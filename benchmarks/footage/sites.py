"""Site files made from others: one thing changed, the rest as it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from traffic_ai.config.site import Site
from traffic_ai.wiring import open_site

Change = Callable[[dict[str, Any]], None]


def variant(site: Path, change: Change, folder: Path) -> Site:
    """The site with `change` applied to each of its cameras."""
    return open_site(written(site, change, folder))


def written(site: Path, change: Change, folder: Path) -> Path:
    """A file of the site with `change` applied to each of its cameras."""
    content = yaml.safe_load(site.read_text(encoding="utf-8"))
    for camera in content["cameras"]:
        change(camera)
    file = folder / f"{site.stem}_variant.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def reverse_directions(camera: dict[str, Any]) -> None:
    """Every lane's direction of travel turned round, so that all who drive well drive wrong."""
    for lane in camera["lanes"]:
        lane["direction"] = lane["direction"][::-1]


def report_every_speed(camera: dict[str, Any]) -> None:
    """A limit nearly everybody exceeds, so that every measured speed is in a record."""
    for lane in camera["lanes"]:
        lane["speed_limit_kmh"] = 5
    camera["rules"] = {"speeding": {"tolerance_kmh": 0}}


def look_at_the_road(camera: dict[str, Any]) -> None:
    """Only the part of the picture that the road needs is shown to the detector."""
    camera["detection_area"] = "road"


def without_regions(camera: dict[str, Any]) -> None:
    """The whole picture is all that is looked at."""
    camera.pop("detection_regions", None)
