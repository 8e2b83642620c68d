"""`python -m traffic_ai.simulate`: make the sample video, its truth, signal log and site file."""

import argparse
from pathlib import Path

from traffic_ai.simulate import scenario
from traffic_ai.simulate.layout import CAMERA
from traffic_ai.simulate.produce import make
from traffic_ai.simulate.site_file import site_text


def main() -> None:
    """Parse the command line and write the files."""
    parser = argparse.ArgumentParser(prog="python -m traffic_ai.simulate", description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("sample_videos"),
        help="folder for the video, truth and signal log",
    )
    parser.add_argument(
        "--site", type=Path, help="also write the site file here, for example configs/demo.yaml"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="seed of trees, textures and sensor noise"
    )
    parser.add_argument(
        "--seconds", type=float, default=scenario.DURATION_S, help="make only the first seconds"
    )
    parser.add_argument(
        "--crf", type=int, default=25, help="x264 quality, lower is better and larger"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="processes that draw; the result does not depend on it"
    )
    arguments = parser.parse_args()
    make(arguments.out, arguments.seed, arguments.seconds, arguments.crf, arguments.jobs)
    if arguments.site is not None:
        arguments.site.write_text(site_text(CAMERA), encoding="utf-8")


if __name__ == "__main__":
    main()
