"""Checks across a camera: ids, references, files, times, and what each rule needs.

Part of the fifth step of reading a site file.
"""

import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import shapely

from traffic_ai.config.build import build_stop_line
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale
from traffic_ai.config.problems import KeyPath, show, suggest
from traffic_ai.config.schema import CameraModel
from traffic_ai.config.schema_rules import RedLightModel, RulesModel, SpeedingModel
from traffic_ai.config.source import (
    CAMERA_SCHEMES,
    is_file,
    is_url,
    missing_variables,
    password_in_file,
)
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.geometry import DirectedLine, Homography
from traffic_ai.core.scene import Lane
from traffic_ai.sources.start_time import from_name

BUILT_IN_RULES = tuple(RulesModel.model_fields)

_COARSE_START_S = 3600.0
_LONGEST_GRACE_S = 5.0
_NEED_CALIBRATION: Mapping[str, tuple[tuple[str, ...], str]] = {
    "stop_over_line": (
        ("min_distance_m",),
        "remove it, or add calibration; without it 15 % of the box's height counts",
    ),
    "wrong_way": (
        ("min_distance_m",),
        "remove it, or add calibration; without it min_lane_share counts",
    ),
    "speeding": (
        ("min_baseline_m", "min_points", "max_gate_difference", "max_uncertainty"),
        "remove it, or add calibration; speed_sections have no such bound and no second method",
    ),
}
_NAMED_LISTS = ("signal_groups", "lanes", "stop_lines", "speed_sections")


def check_ids(data: object, notes: Notes) -> None:
    """No id twice, among the cameras and in each list of a camera. Takes the file's plain data."""
    _check_unique(data, ("cameras",), notes)
    for index in range(len(_entries(data, ("cameras",)))):
        for name in _NAMED_LISTS:
            _check_unique(data, ("cameras", index, name), notes)


def ids_in(data: object, path: KeyPath) -> list[str]:
    """The ids of a list in the file's plain data, whatever else is wrong with its entries."""
    entries = _entries(data, path)
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]


def _entries(data: object, path: KeyPath) -> list[object]:
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return []
    return data if isinstance(data, list) else []


def _check_unique(data: object, path: KeyPath, notes: Notes) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(_entries(data, path)):
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"the id {show(name)} is already used by {path[-1]}[{first[name]}]"
            notes.error((*path, index, "id"), message, "give each its own")
        first.setdefault(name, index)


def check_references(camera: CameraModel, at: KeyPath, data: object, notes: Notes) -> None:
    """Lanes and signal groups that are spoken of exist."""
    in_file = notes.path(at)
    lanes = ids_in(data, (*in_file, "lanes"))
    groups = ids_in(data, (*in_file, "signal_groups"))
    for name in ("stop_lines", "speed_sections"):
        for index, entry in enumerate(getattr(camera, name)):
            here = (*at, name, index, "lanes")
            for position, lane in enumerate(entry.lanes):
                if lane not in lanes:
                    message = f"there is no lane {show(lane)}"
                    notes.error((*here, position), message, suggest(lane, lanes))
                if lane in entry.lanes[:position]:
                    notes.warn((*here, position), f"{show(lane)} is listed twice", "remove one")
    for index, line in enumerate(camera.stop_lines):
        group = line.signal_group
        if group is not None and group not in groups:
            message = f"there is no signal group {show(group)}"
            notes.error((*at, "stop_lines", index, "signal_group"), message, suggest(group, groups))


def check_source(camera: CameraModel, at: KeyPath, folder: Path, notes: Notes) -> None:
    """The source can be found here and now; only warnings, it may be given elsewhere."""
    source, at = camera.source, (*at, "source")
    if source is None:
        return
    if is_url(source):
        scheme = source.partition("://")[0].lower()
        if not source.startswith("${") and scheme not in CAMERA_SCHEMES:
            message = f"{scheme}:// is not a camera's address"
            hint = "write rtsp://, rtsps://, http:// or https://; or a file's path"
            notes.error(at, message, hint)
        if password_in_file(source):
            message = "a password stands in the site file"
            notes.warn(
                at, message, "put it in an environment variable: rtsp://${USER}:${PASSWORD}@"
            )
        for name in missing_variables(source, os.environ):
            message = f"the environment variable {name} is not set here"
            notes.warn(at, message, f"export {name}=... before the camera is opened")
    elif not is_file(folder / source):
        message = f"there is no file {show(source)}"
        notes.warn(at, message, f"paths are relative to {folder}; a URL begins with rtsp://")


def check_times(camera: CameraModel, at: KeyPath, notes: Notes) -> None:
    """One way to know the start, a usable pattern, a known time zone."""
    pattern = camera.start_time_pattern
    if camera.start_time is not None and pattern is not None:
        message = "start_time and start_time_pattern are both given"
        notes.error((*at, "start_time_pattern"), message, "keep one of them")
    if pattern is not None:
        _check_pattern(pattern, (*at, "start_time_pattern"), notes)
    try:
        ZoneInfo(camera.time_zone)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        _unknown_zone(camera.time_zone, at, notes)


def _unknown_zone(name: str, at: KeyPath, notes: Notes) -> None:
    near = {zone.lower(): zone for zone in available_timezones()}
    hint = suggest(name, near)
    hint = hint if hint.startswith("did") else "use an IANA name such as Europe/Berlin"
    for lower, zone in near.items():
        hint = hint.replace(f"{lower!r}?", f"{zone!r}?")
    notes.error((*at, "time_zone"), f"the time zone {show(name)} is not known", hint)


def _check_pattern(pattern: str, at: KeyPath, notes: Notes) -> None:
    """Written into a file name and read back as it will be."""
    probe = datetime(2026, 11, 23, 14, 35, 46, tzinfo=UTC)
    hint = 'use strptime codes for date, hour and minute, such as "cam1_%Y%m%d%H%M"'
    if "/" in pattern or re.search(r"\.[A-Za-z]\w{1,3}$", pattern):
        message = f"{show(pattern)} holds a folder or the file's suffix, which are not looked at"
        notes.error(at, message, "leave them out")
        return
    try:
        read = from_name(probe.strftime(pattern), pattern, UTC)
    except (ConfigError, ValueError, re.error) as error:
        remedy = str(error).partition("; ")[2] or hint
        notes.error(at, f"{show(pattern)} cannot be read from a file name", remedy)
        return
    if read is None or read.utc.date() != probe.date():
        notes.error(at, f"{show(pattern)} does not give year, month and day", hint)
    elif read.bound_s > _COARSE_START_S:
        notes.warn(at, f"{show(pattern)} tells the start only to the day", hint)


def check_rule_names(
    camera: CameraModel, at: KeyPath, extra_rules: Collection[str], notes: Notes
) -> None:
    """Only known rules."""
    for name, value in (camera.rules.model_extra or {}).items():
        here = (*at, "rules", name)
        if name not in extra_rules:
            hint = suggest(name, [*BUILT_IN_RULES, *extra_rules])
            notes.error(here, f"there is no rule {show(name)}", hint)
        elif not isinstance(value, dict | None):
            message = f"expected keys with values, got {show(value)}"
            notes.error(here, message, "give the rule's parameters, or nothing")


def check_rule_needs(camera: CameraModel, at: KeyPath, notes: Notes) -> None:
    """Everything each rule needs is there."""
    at_rules = (*at, "rules")
    if not camera.rules.model_fields_set and not camera.rules.model_extra:
        notes.warn(at_rules, "no rule is switched on", "add one, such as red_light:")
    on = camera.rules.model_fields_set
    signalled = [line for line in camera.stop_lines if line.signal_group is not None]
    for name in ("red_light", "stop_over_line"):
        if name in on and not signalled:
            message = f"{name} needs a stop line with a signal_group"
            notes.error(
                (*at_rules, name), message, "add stop_lines with signal_group, or remove it"
            )
    if "red_light" in on and camera.calibration is None:
        for index, line in enumerate(camera.stop_lines):
            if line.signal_group is not None and line.beyond_line is None:
                message = "red_light needs a beyond_line here, as there is no calibration"
                hint = "draw a second line inside the junction, ahead of the stop line"
                notes.error((*at, "stop_lines", index), message, hint)
    red_light = camera.rules.red_light
    if red_light is not None and red_light.grace_s > _LONGEST_GRACE_S:
        message = f"after {red_light.grace_s:g} s of red hardly anybody crosses any more"
        notes.warn((*at_rules, "red_light", "grace_s"), message, "give seconds; 0.3 is usual")
    if "wrong_way" in on and not camera.lanes:
        notes.error((*at_rules, "wrong_way"), "wrong_way needs lanes", "add lanes, or remove it")
    if "speeding" in on:
        _check_speeding(camera, at, notes)
    if camera.calibration is None:
        _check_idle_keys(camera.rules, at_rules, notes)


def _check_idle_keys(rules: RulesModel, at: KeyPath, notes: Notes) -> None:
    """What is set for a rule and says nothing where there is no calibration."""
    for rule, (keys, hint) in _NEED_CALIBRATION.items():
        given = getattr(rules, rule)
        for key in keys if given is not None else ():
            if key in given.model_fields_set:
                message = f"{key} says nothing where there is no calibration"
                notes.warn((*at, rule, key), message, hint)


def _check_speeding(camera: CameraModel, at: KeyPath, notes: Notes) -> None:
    """Limits, and something to measure with."""
    at_rule = (*at, "rules", "speeding")
    limited = [
        lane for lane in camera.lanes if lane.speed_limit_kmh or lane.speed_limit_by_class_kmh
    ]
    measured = {lane for section in camera.speed_sections for lane in section.lanes}
    if not limited:
        hint = "add speed_limit_kmh to the lanes where speed is judged, or remove it"
        notes.error(at_rule, "speeding needs a lane with a speed limit", hint)
    if camera.calibration is None and not camera.speed_sections:
        hint = "add calibration, or speed_sections of surveyed length"
        notes.error(at_rule, "speeding needs something to measure speed with", hint)
    if camera.calibration is not None and camera.speed_sections:
        message = "speed_sections are not used where there is a calibration"
        hint = "remove one of the two ways to measure speed"
        notes.warn((*at, "speed_sections"), message, hint)
    if camera.calibration is None and camera.speed_sections:
        for index, lane in enumerate(camera.lanes):
            if lane in limited and lane.id not in measured:
                message = f"the limit of lane {lane.id!r} is never used: no section measures it"
                notes.warn((*at, "lanes", index), message, "add it to a section's lanes")


def check_measured(
    camera: CameraModel,
    at: KeyPath,
    lanes: Mapping[str, Lane],
    homography: Homography,
    notes: Notes,
) -> None:
    """Each lane with a limit has a calibrated stretch long enough to measure a speed on."""
    if "speeding" not in camera.rules.model_fields_set:
        return
    speeding = camera.rules.speeding
    least_m = (speeding or SpeedingModel.model_validate({})).min_baseline_m
    area = shapely.Polygon(homography.valid_area_px)
    for index, model in enumerate(camera.lanes):
        limited = model.speed_limit_kmh is not None or model.speed_limit_by_class_kmh
        if not limited or model.id not in lanes:
            continue
        inside = shapely.LineString(lanes[model.id].centre_line_px).intersection(area)
        ground_m = homography.to_ground(shapely.get_coordinates(inside))
        steps_m = np.diff(ground_m[~np.isnan(ground_m).any(axis=1)], axis=0)
        length_m = float(np.hypot(steps_m[:, 0], steps_m[:, 1]).sum())
        if length_m < least_m:
            notes.warn(
                (*at, "lanes", index),
                f"only {length_m:.1f} m of lane {model.id!r} lie in the calibrated area, too short "
                f"for a speed (min_baseline_m is {least_m:g})",
                "calibrate a longer stretch of it, or set valid_area",
            )


def check_reach(
    camera: CameraModel,
    at: KeyPath,
    lanes: Mapping[str, Lane],
    homography: Homography,
    scale: PictureScale,
    notes: Notes,
) -> None:
    """Where there is no beyond_line, the calibrated area reaches far enough past the stop line."""
    if "red_light" not in camera.rules.model_fields_set:
        return
    red_light = camera.rules.red_light or RedLightModel.model_validate({})
    distance_m = red_light.beyond_distance_m
    for index, model in enumerate(camera.stop_lines):
        known = all(lane in lanes for lane in model.lanes)
        if model.signal_group is None or model.beyond_line is not None or not known:
            continue
        line = build_stop_line(model, dict(lanes), scale).line
        if not _reaches(line, homography, distance_m):
            notes.error(
                (*at, "stop_lines", index),
                f"the calibrated area does not reach {distance_m:g} m past this stop line",
                "add a beyond_line, calibration points farther on, or a larger valid_area",
            )


def _reaches(line: DirectedLine, homography: Homography, distance_m: float) -> bool:
    middle_px = (line.a + line.b) / 2.0
    ends_m = homography.to_ground(np.array([line.a, line.b, middle_px + line.forward]))
    if np.isnan(ends_m).any():
        return False
    ground_line = DirectedLine.towards(ends_m[0], ends_m[1], ends_m[2] - ends_m[:2].mean(axis=0))
    far_m = ends_m[:2].mean(axis=0) + distance_m * ground_line.forward
    return bool(homography.in_area(homography.to_image(far_m)[None])[0])
