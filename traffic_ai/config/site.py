"""What the rest of the program gets of a site file: cameras, and their scenes by picture size."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from traffic_ai.calibration.plane import residuals_m
from traffic_ai.config.build import build_homography, build_scene, calibration_points
from traffic_ai.config.delivery import NOBODY, DeliverySite, Kept
from traffic_ai.config.picture import PictureScale, reference_size
from traffic_ai.config.problems import Problem
from traffic_ai.config.schema import CameraModel
from traffic_ai.config.schema_rules import RuleModel
from traffic_ai.config.source import is_url, resolve
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)

BuiltInParameters = (
    RedLightParameters | StopOverLineParameters | WrongWayParameters | SpeedingParameters
)

_DEFAULTS: Mapping[str, type[BuiltInParameters]] = {
    "red_light": RedLightParameters,
    "stop_over_line": StopOverLineParameters,
    "wrong_way": WrongWayParameters,
    "speeding": SpeedingParameters,
}


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """How well a camera's calibration fits.

    points_px (N, 2) and residual_m (N,) of the calibration points; empty where it rests on
    distances. The camera's height is None where it cannot be told.
    """

    rms_error_m: float
    camera_height_m: float | None
    points_px: Array
    residual_m: Array


@dataclass(frozen=True, slots=True)
class CameraSite:
    """One camera of a site file.

    `rules`: parameters by rule name; a plain mapping for rules of other packages. `text`: canonical
    JSON of everything about this camera except its source, with the SHA-256 of its signal logs as
    they were when the site file was read; `config_hash`: its SHA-256.
    `encrypt_for`: the site's readers, for whom pictures and clips are encrypted.
    """

    id: str
    name: str
    start_time: datetime | None
    start_time_pattern: str | None
    time_zone: ZoneInfo
    rules: Mapping[str, BuiltInParameters | Mapping[str, Any]]
    text: str
    _model: CameraModel = field(repr=False)
    _folder: Path = field(repr=False)
    encrypt_for: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        model: CameraModel,
        folder: Path,
        encrypt_for: tuple[str, ...] = (),
        text: str | None = None,
    ) -> "CameraSite":
        """The camera of a validated model; text: its canonical text, where that is known.

        Raises ConfigError where a signal log cannot be read.
        """
        return cls(
            id=model.id,
            name=model.name or model.id,
            start_time=model.start_time,
            start_time_pattern=model.start_time_pattern,
            time_zone=ZoneInfo(model.time_zone),
            rules=_rules(model),
            text=_canonical(model, folder) if text is None else text,
            _model=model,
            _folder=folder,
            encrypt_for=encrypt_for,
        )

    @classmethod
    def of_text(cls, text: str) -> "CameraSite":
        """The camera of a canonical text, as evidence keeps it: without its source, and without
        the folder that a signal log lies in. Raises ConfigError where it is none.
        """
        try:
            return cls.of(_RecordedCamera.model_validate_json(text), Path(), text=text)
        except ValueError as error:
            reason = str(error).partition("\n")[0]
            raise ConfigError(f"this is not the text of a camera: {reason}") from error

    @property
    def config_hash(self) -> str:
        """SHA-256 of the text."""
        return text_hash(self.text)

    @property
    def source(self) -> str | None:
        """The video file's path or the URL, secrets included: to be opened, never to be shown.

        Raises ConfigError where an environment variable of the URL is not set.
        """
        if self._model.source is None:
            return None
        where = f"source of camera {self.id!r}"
        return resolve(self._model.source, self._folder, os.environ, where)

    @property
    def source_file(self) -> Path | None:
        """The video file, which may not exist; None for a URL or no source."""
        source = self._model.source
        return None if source is None or is_url(source) else (self._folder / source).resolve()

    @property
    def reference_size_px(self) -> tuple[int, int] | None:
        """(width, height) of the picture the site was drawn on; None for fractions."""
        return reference_size(self._model.coordinates)

    @property
    def recordings(self) -> str | None:
        """The pattern of this camera's recordings' file names, None if any may be its."""
        return self._model.recordings

    def takes(self, file_name: str) -> bool:
        """Whether a recording of that name matches this camera's pattern."""
        return self.recordings is not None and fnmatchcase(file_name, self.recordings)

    def scene(self, width_px: int, height_px: int) -> Scene:
        """The scene for pictures of that size.

        Raises ConfigError where their shape is not that of the reference size, CalibrationError
        where the road plane cannot be found.
        """
        return build_scene(self._model, self._folder, width_px, height_px)

    def calibration_report(self, width_px: int, height_px: int) -> CalibrationReport | None:
        """How well the calibration fits for that picture size, None without one."""
        calibration = self._model.calibration
        if calibration is None:
            return None
        scale = PictureScale.of(self._model.coordinates, width_px, height_px)
        homography = build_homography(calibration, scale)
        points_px, residual = np.zeros((0, 2)), np.zeros(0)
        if calibration.points is not None:
            points_px, ground_m = calibration_points(calibration, scale)
            residual = residuals_m(homography, points_px, ground_m)
        return CalibrationReport(
            homography.rms_error_m, homography.camera_height_m, points_px, residual
        )


@dataclass(frozen=True, slots=True)
class Site:
    """A site file that can be used. `warnings`: what is probably not meant in it. `retention`: how
    long and how much of a kind is kept; those that are not in it, for ever. `delivery`: who is
    told. `min_free_bytes`: with less on the disk no evidence is recorded.
    """

    path: Path
    cameras: tuple[CameraSite, ...]
    warnings: tuple[Problem, ...] = ()
    retention: Mapping[ViolationKind, Kept] = field(default_factory=dict)
    delivery: DeliverySite = NOBODY
    min_free_bytes: int = 0

    def camera(self, camera_id: str) -> CameraSite:
        """The camera of that id; raises KeyError."""
        for camera in self.cameras:
            if camera.id == camera_id:
                return camera
        raise KeyError(camera_id)


def _rules(model: CameraModel) -> dict[str, BuiltInParameters | Mapping[str, Any]]:
    found: dict[str, BuiltInParameters | Mapping[str, Any]] = {}
    for name, defaults in _DEFAULTS.items():
        if name in model.rules.model_fields_set:
            given: RuleModel | None = getattr(model.rules, name)
            found[name] = defaults() if given is None else given.parameters()
    for name, value in (model.rules.model_extra or {}).items():
        found[name] = value or {}
    return found


class _RecordedCamera(CameraModel):
    """A camera as `CameraSite.text` tells it: by name, the SHA-256 of each of its signal logs."""

    signal_logs: dict[str, str] = Field(default_factory=dict)


def _canonical(model: CameraModel, folder: Path) -> str:
    """The content with defaults left out, so that writing a default changes nothing.

    Rules enter with all their parameters: another default is another decision. So do the signal
    logs: another log is other changes of the signal.
    """
    content = model.model_dump(
        mode="json", exclude={"source", "recordings", "rules"}, exclude_defaults=True
    )
    for lane in content.get("lanes", ()):
        if lane.get("classes"):
            lane["classes"] = sorted(set(lane["classes"]))
    content["rules"] = {
        name: document(value) if dataclasses.is_dataclass(value) else value
        for name, value in _rules(model).items()
    }
    logs = {group.feed.csv for group in model.signal_groups if group.feed is not None}
    if logs:
        content["signal_logs"] = {name: _file_hash(folder / name) for name in logs}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"signal log {path} cannot be read: {error.strerror}") from error


def text_hash(text: str) -> str:
    """The config hash of a camera's canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


def started_hash(config_hash: str, start: datetime) -> str:
    """The config hash where the recording's start was given by hand: another start, other records.

    SHA-256 of the camera's own hash, a space, and the start as `2026-05-01 03:00:00+00:00`.
    """
    return hashlib.sha256(f"{config_hash} {start.astimezone(UTC)}".encode()).hexdigest()
