"""`traffic-ai validate`: is a site file right, and how good is its calibration?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import JsonOption
from traffic_ai.core.errors import SourceError, UsageError

if TYPE_CHECKING:
    from traffic_ai.config import CalibrationReport, CameraSite, Problem
    from traffic_ai.core.scene import Scene

EXIT_INVALID = 2

_FALLBACK_SIZE_PX = (1280, 720)
_ASSUMED = "assumed"


def validate(
    site: Annotated[Path, typer.Argument(help="The site file: cameras, lanes, rules (YAML).")],
    as_json: JsonOption = False,
) -> None:
    """Check a site file: every mistake with its line, or a summary of each camera.

    Exit code 0: it can be used, perhaps with warnings; 2: it cannot.
    """
    from traffic_ai.config import SiteFileError
    from traffic_ai.config.problems import report_lines
    from traffic_ai.wiring import open_site

    try:
        found = open_site(site)
    except SiteFileError as error:
        if as_json:
            typer.echo(json.dumps(_document(error.problems, []), indent=2))
        else:
            typer.echo(error)
        raise typer.Exit(EXIT_INVALID) from None
    cameras = [_summary(camera) for camera in found.cameras]
    if as_json:
        typer.echo(json.dumps(_document(found.warnings, cameras), indent=2))
    else:
        for line in report_lines(site, found.warnings):
            typer.echo(line)
        typer.echo("\n\n".join(_text(camera) for camera in cameras))
    if any(camera["error"] for camera in cameras):
        raise typer.Exit(EXIT_INVALID)


def _document(
    problems: "tuple[Problem, ...]", cameras: list[dict[str, object]]
) -> dict[str, object]:
    errors = [p for p in problems if p.severity.value == "error"]
    valid = not errors and not any(camera["error"] for camera in cameras)
    return {
        "valid": valid,
        "problems": [
            {
                "path": problem.path,
                "line": problem.line,
                "severity": problem.severity.value,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in problems
        ],
        "cameras": cameras,
    }


def _summary(camera: "CameraSite") -> dict[str, object]:
    """What there is to say of a camera; `error` where it does not suit its picture."""
    from traffic_ai.wiring import new_signals

    summary: dict[str, object] = {
        "id": camera.id,
        "name": camera.name,
        "config_hash": camera.config_hash,
        "rules": sorted(camera.rules),
        "readers": len(camera.encrypt_for),
        "error": None,
    }
    try:
        size_px, origin = _picture_size(camera)
        summary["picture"] = {"size": list(size_px), "from": origin}
        scene = camera.scene(*size_px)
        if origin != _ASSUMED:
            new_signals(scene)  # raises where a head is too small to be read
        report = camera.calibration_report(*size_px)
    except (UsageError, SourceError) as error:
        return summary | {"error": str(error)}
    return summary | _content(scene) | {"calibration": _calibration(report)}


def _picture_size(camera: "CameraSite") -> tuple[tuple[int, int], str]:
    """The size of the camera's pictures as far as can be told, and who says so."""
    source = camera.source_file
    if source is not None and source.is_file():
        from traffic_ai.sources.file import VideoFile

        video = VideoFile(source, camera.id)
        try:
            return (video.width_px, video.height_px), source.name
        finally:
            video.close()
    if camera.reference_size_px is not None:
        return camera.reference_size_px, "reference_size"
    return _FALLBACK_SIZE_PX, _ASSUMED


def _content(scene: "Scene") -> dict[str, object]:
    from traffic_ai.config.widths import lane_width_m

    return {
        "lanes": {lane.id: lane.speed_limit_kmh for lane in scene.lanes},
        "lane_widths_m": {lane.id: lane_width_m(lane, scene.homography) for lane in scene.lanes},
        "stop_lines": {line.id: line.signal_group_id for line in scene.stop_lines},
        "signal_groups": {
            group.id: f"log {group.feed_csv.name}" if group.feed_csv else _heads(len(group.heads))
            for group in scene.signal_groups
        },
        "speed_sections": {section.id: section.length_m for section in scene.speed_sections},
    }


def _heads(count: int) -> str:
    return "1 head" if count == 1 else f"{count} heads"


def _calibration(report: "CalibrationReport | None") -> dict[str, object] | None:
    if report is None:
        return None
    worst = int(report.residual_m.argmax()) if len(report.residual_m) else None
    return {
        "points": len(report.residual_m),
        "rms_error_m": report.rms_error_m,
        "camera_height_m": report.camera_height_m,
        "worst_point": None if worst is None else worst + 1,
        "worst_residual_m": None if worst is None else float(report.residual_m[worst]),
    }


def _text(summary: dict[str, object]) -> str:
    """A camera's summary for people."""
    name = summary["name"] if summary["name"] != summary["id"] else ""
    lines = [f"{summary['id']}  {name}".rstrip()]
    picture = summary.get("picture")
    if isinstance(picture, dict):
        width, height = picture["size"]
        lines.append(f"  picture        {width}x{height} ({picture['from']})")
    if summary["error"]:
        return "\n".join([*lines, f"  error          {summary['error']}"])
    for key, label, unit in (
        ("lanes", "lanes", " km/h"),
        ("stop_lines", "stop lines", ""),
        ("signal_groups", "signals", ""),
        ("speed_sections", "sections", " m"),
    ):
        entries = summary[key]
        if isinstance(entries, dict) and entries:
            words = [k if v is None else f"{k} ({_figure(v)}{unit})" for k, v in entries.items()]
            lines.append(f"  {label:<13}  {', '.join(words)}")
    if widths := _widths_text(summary["lane_widths_m"]):
        lines.append(f"  lane widths    {widths}")
    lines.append(f"  calibration    {_calibration_text(summary['calibration'])}")
    rules = summary["rules"]
    lines.append(f"  rules          {', '.join(rules) if isinstance(rules, list) else ''}")
    pictures = "as they are; `evidence: {encrypt_for: [...]}` encrypts them"
    if summary["readers"]:
        pictures = f"encrypted for {summary['readers']} of evidence.encrypt_for"
    lines.append(f"  pictures kept  {pictures}")
    lines.append(f"  config hash    {summary['config_hash']}")
    return "\n".join(lines)


def _widths_text(widths_m: object) -> str:
    """How wide the lanes are by the calibration: who knows the road sees whether it is right."""
    if not isinstance(widths_m, dict):
        return ""
    known = {lane: width_m for lane, width_m in widths_m.items() if width_m is not None}
    return ", ".join(f"{lane} {width_m:.1f} m" for lane, width_m in known.items())


def _figure(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _calibration_text(calibration: object) -> str:
    if not isinstance(calibration, dict):
        return "none"
    rms_m, worst_m = calibration["rms_error_m"], calibration["worst_residual_m"]
    height_m = calibration["camera_height_m"]
    words = []
    if worst_m is None:
        words.append(f"from distances, rms error {rms_m:.3f} m")
    elif calibration["points"] == 4:
        words.append("4 points, which always fit: add a fifth to see an error")
    else:
        words.append(f"{calibration['points']} points, rms error {rms_m:.3f} m")
        words.append(f"worst is point {calibration['worst_point']}: {worst_m:.3f} m")
    words.append(
        "camera height unknown" if height_m is None else f"camera {height_m:.2f} m above the road"
    )
    return "; ".join(words)
