"""What a clip says of itself."""

from pathlib import Path

from traffic_ai.sources.file import VideoFile


def duration_s(video: Path) -> float:
    """How long a clip lasts, by its container."""
    source = VideoFile(video, "clip")
    length_s = source.duration_s
    source.close()
    if length_s is None:
        raise SystemExit(f"{video} does not say how long it is")
    return length_s
