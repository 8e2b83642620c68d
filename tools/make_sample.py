"""Makes the sample of `traffic-ai demo` again: sample_videos/junction.* and configs/demo.yaml.

    python tools/make_sample.py [--jobs N]

The same files, byte for byte, on the same machine with the same libraries.
"""

import argparse
import os
from pathlib import Path

from traffic_ai.simulate.make import Places, make
from traffic_ai.simulate.traffic import load_scenario, make_world

ROOT = Path(__file__).parents[1]
SCENARIO = "demo-junction"
PLACES = Places(
    video=ROOT / "sample_videos" / "junction.mp4",
    truth=ROOT / "sample_videos" / "junction.truth.json",
    site=ROOT / "configs" / "demo.yaml",
    signals=ROOT / "sample_videos" / "junction.signals.csv",
    source="../sample_videos/junction.mp4",
    log="../sample_videos/junction.signals.csv",
)


def main() -> None:
    """Parse the command line and write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    jobs = parser.parse_args().jobs
    make(make_world(load_scenario(SCENARIO)), PLACES, jobs)


if __name__ == "__main__":
    main()
