"""Which files a batch works on, and which camera each is of."""

from collections.abc import Sequence
from pathlib import Path

from traffic_ai.config.site import CameraSite, Site
from traffic_ai.core.errors import ConfigError, UsageError
from traffic_ai.core.given import given_path

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".mts", ".m2ts", ".webm", ".mpg", ".mpeg",
     ".flv", ".wmv", ".3gp", ".asf", ".dav", ".h264", ".h265", ".hevc"}
)  # fmt: skip


def camera_of(site: Site, path: Path, camera_id: str | None) -> CameraSite:
    """The camera a recording is of: the first whose `recordings` pattern takes it, else the one
    that has no pattern. Raises ConfigError where that is not clear.
    """
    known = ", ".join(camera.id for camera in site.cameras)
    if camera_id is not None:
        try:
            return site.camera(camera_id)
        except KeyError:
            raise ConfigError(f"{site.path} has no camera {camera_id!r}; it has {known}") from None
    for camera in site.cameras:
        if camera.recordings is not None and camera.takes(path.name):
            return camera
    unnamed = [camera for camera in site.cameras if camera.recordings is None]
    if len(unnamed) == 1:
        return unnamed[0]
    raise ConfigError(
        f"which camera of {site.path} {path.name} is of is not clear; give it with --camera "
        f"({known}) or set the cameras' `recordings` patterns"
    )


def find_videos(places: Sequence[str]) -> list[Path]:
    """The video files of files, folders (searched through) and glob patterns, each once, sorted
    within a place. Raises UsageError for a place with none.
    """
    found: dict[Path, None] = {}
    for place in places:
        for path in _videos_at(place):
            found.setdefault(path)
    return list(found)


def _videos_at(place: str) -> list[Path]:
    path = given_path(place)
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if _is_video(p))
        if not inside:
            raise UsageError(f"no video files in the folder {path}")
        return inside
    if any(c in place for c in "*?["):
        matches = _matches(path)
        videos = [v for m in matches for v in ([m] if m.is_file() else _folder(m))]
        if videos:
            return videos
        raise UsageError(f"nothing matches {place!r}")
    raise UsageError(f"there is no file or folder {place!r}")


def _matches(pattern: Path) -> list[Path]:
    base = Path(pattern.anchor) if pattern.is_absolute() else Path()
    try:
        return sorted(base.glob(str(pattern.relative_to(base))))
    except ValueError as error:
        raise UsageError(f"the pattern {str(pattern)!r} cannot be used: {error}") from None


def _folder(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if _is_video(p))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
