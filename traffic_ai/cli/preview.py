"""`traffic-ai preview`: a site file drawn over a picture of its camera."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.core.errors import SourceError, TrafficAiError, UsageError

if TYPE_CHECKING:
    from traffic_ai.config import CalibrationReport, CameraSite, Site
    from traffic_ai.core.frame import Image
    from traffic_ai.core.geometry import Array

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
# Smaller pictures are enlarged by a whole factor, so that names can be read.
_LEAST_WIDTH_PX = 960
_SHOWN_RESIDUAL_M = 0.05


def preview(
    site: Annotated[Path, typer.Argument(help="The site file: cameras, lanes, rules (YAML).")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The picture to write, .png or .jpg.")
    ] = Path("preview.png"),
    camera: Annotated[
        str | None, typer.Option("--camera", help="Which camera, where there are several.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--source", help="A video or picture in place of the camera's own source."),
    ] = None,
    at_s: Annotated[float, typer.Option("--at", min=0.0, help="Seconds into the video.")] = 0.0,
    grid: Annotated[
        bool, typer.Option("--grid/--no-grid", help="Draw the metre grid on the road.")
    ] = True,
) -> None:
    """Draw lanes, lines, signals and the metre grid of a site file over a picture.

    Where the grid follows lane edges and markings, the calibration is right.
    """
    import cv2

    from traffic_ai.evidence.draw import draw_scene
    from traffic_ai.wiring import open_site

    if out.suffix.lower() not in _PICTURES:
        raise UsageError(f"--out {out} is no picture; end it in .png or .jpg")
    the_site = open_site(site)
    chosen = _camera(the_site, camera)
    image = _picture(chosen, source, at_s)
    factor = max(1, -(-_LEAST_WIDTH_PX // image.shape[1]))
    size_px = (image.shape[1] * factor, image.shape[0] * factor)
    if factor > 1:
        image = cv2.resize(image, size_px, interpolation=cv2.INTER_CUBIC).astype("uint8")
    marks = _marks(chosen.calibration_report(*size_px)) if grid else []
    drawn = draw_scene(image, chosen.scene(*size_px), grid, marks)
    if not _write(out, drawn):
        raise TrafficAiError(f"cannot write {out}; does its folder exist?")
    typer.echo(f"{chosen.id}: {out} ({size_px[0]}x{size_px[1]})")


def _camera(site: "Site", camera_id: str | None) -> "CameraSite":
    names = ", ".join(camera.id for camera in site.cameras)
    if camera_id is None:
        if len(site.cameras) > 1:
            raise UsageError(f"the site has several cameras; choose one with --camera: {names}")
        return site.cameras[0]
    try:
        return site.camera(camera_id)
    except KeyError:
        raise UsageError(
            f"--camera {camera_id!r} is not in the site file; it has: {names}"
        ) from None


def _picture(camera: "CameraSite", source: Path | None, at_s: float) -> "Image":
    path = camera.source_file if source is None else source
    if path is None:
        raise UsageError(
            f"camera {camera.id!r} has no source file to take a picture from; save a picture of "
            "a live camera and give it with --source"
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path}; give a video or a picture with --source")
    if path.suffix.lower() in _PICTURES:
        from traffic_ai.sources.picture_file import read_picture

        try:
            return read_picture(path)
        except SourceError as error:
            raise UsageError(str(error)) from error
    return _frame(path, camera.id, at_s)


def _frame(path: Path, camera_id: str, at_s: float) -> "Image":
    """The first frame not before a moment."""
    from traffic_ai.sources.file import VideoFile

    video = VideoFile(path, camera_id)
    last_s = 0.0
    try:
        for frame in video.frames():
            last_s = frame.info.t_s
            if last_s >= at_s:
                return frame.image
    finally:
        video.close()
    raise UsageError(f"--at {at_s:g} is after the end of {path}, which is {last_s:.1f} s long")


def _marks(report: "CalibrationReport | None") -> "list[tuple[Array, str]]":
    """The calibration points with their numbers, and how far off one is where that shows."""
    if report is None:
        return []
    return [
        (point, str(number) if off_m < _SHOWN_RESIDUAL_M else f"{number}: {off_m:.2f} m off")
        for number, (point, off_m) in enumerate(
            zip(report.points_px, report.residual_m.tolist(), strict=True), start=1
        )
    ]


def _write(path: Path, image: "Image") -> bool:
    import cv2

    done, encoded = cv2.imencode(path.suffix.lower(), image)
    if not done:
        return False
    try:
        path.write_bytes(encoded.tobytes())
    except OSError:
        return False
    return True
