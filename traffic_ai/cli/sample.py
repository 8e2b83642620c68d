"""The simulated sample: a video, its truth and its site file, in a checkout and in the package."""

from pathlib import Path

from traffic_ai.core.errors import UsageError


def sample_root() -> Path:
    """The folder that holds sample_videos/ and configs/: of a checkout, or of the package."""
    import traffic_ai

    package = Path(traffic_ai.__file__).resolve().parent
    for root in (package.parent, package / "sample"):
        if (root / "sample_videos" / "junction.mp4").is_file():
            return root
    raise UsageError("the sample video is not installed; run this from a checkout")
