"""What a decision stands on: what was seen, the site as it was, its calibration and the clock.

Written into each package by the recorder, so that the decision can be made again from the package
alone and every figure in it traced to what it rests on.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from traffic_ai.core.decision import Decision
from traffic_ai.core.decision_text import decision_text
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.replay import Difference

DECISION = "decision.json"
SITE = "site.json"
# More differences than these tell no more.
_DIFFERENCE_LIMIT = 20


@dataclass(frozen=True, slots=True)
class CalibrationFit:
    """How well a camera's calibration fits: residuals of its points, as (x_px, y_px, residual_m).

    No points where it rests on distances. The camera's height is None where it cannot be told.
    """

    rms_error_m: float
    camera_height_m: float | None
    points: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class CameraGrounds:
    """What all decisions of one camera session stand on.

    place: the camera's name for people. site_text: its canonical text, whose SHA-256 is the
    config hash; given_start: the recording's start where it was given by hand, which then enters
    the config hash too. detector_size_px: the length the picture's longer side was brought to.
    again: makes a decision again from the document of a violation, the site's text and the text
    of its decision.
    """

    place: str
    site_text: str
    given_start: datetime | None
    calibration: CalibrationFit | None
    detector_size_px: int
    again: Callable[[Mapping[str, Any], str, str], Sequence[Difference]]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What one decision stands on."""

    camera: CameraGrounds
    decision: Decision


def write_grounds(folder: Path, grounds: Grounds, violation: Mapping[str, Any]) -> dict[str, Any]:
    """Write decision and site into a package; what its manifest says of them.

    The decision is made again from the very texts that were written. `violation`: its document.
    """
    camera, decision = grounds.camera, grounds.decision
    text = decision_text(decision)
    (folder / DECISION).write_bytes(text.encode())
    (folder / SITE).write_bytes(camera.site_text.encode())
    differences = camera.again(violation, camera.site_text, text)
    start = camera.given_start
    return {
        "place": camera.place,
        "site": {
            "file": SITE,
            "sha256": hashlib.sha256(camera.site_text.encode()).hexdigest(),
            "given_start": start.isoformat() if start is not None else None,
        },
        "decision": {
            "file": DECISION,
            "frames": len(decision.frames),
            "whole": decision.whole,
            "reproduces": not differences,
            "differences": [
                {"path": d.path, "recorded": d.recorded, "replayed": d.replayed}
                for d in differences[:_DIFFERENCE_LIMIT]
            ],
        },
        "calibration": _calibration(camera.calibration),
        "clock": _clock(decision.frames),
        "detector": {"size_px": camera.detector_size_px},
    }


def _calibration(fit: CalibrationFit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "rms_error_m": fit.rms_error_m,
        "camera_height_m": fit.camera_height_m,
        "points": [
            {"image_px": [x_px, y_px], "residual_m": residual_m}
            for x_px, y_px, residual_m in fit.points
        ],
    }


def _clock(frames: Sequence[FrameInfo]) -> dict[str, Any] | None:
    """The wall clock's source and bound, and how it ran against presentation time meanwhile."""
    known = [(f.t_s, f.captured_at) for f in frames if f.captured_at is not None]
    if not known:
        return None
    (first_s, first), (last_s, last) = known[0], known[-1]
    return {
        "source": last.source.value,
        "bound_s": last.bound_s,
        "first": {"t_s": first_s, "utc": first.utc.isoformat()},
        "last": {"t_s": last_s, "utc": last.utc.isoformat()},
        "drift_s": (last.utc - first.utc).total_seconds() - (last_s - first_s),
    }
