"""Making a world's files: video or run, truth, signal log and site file, all or none of them."""

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traffic_ai.core.errors import UsageError
from traffic_ai.simulate.arrays import Picture
from traffic_ai.simulate.site import signal_rows, site_text
from traffic_ai.simulate.truth_file import truth_document, write_truth
from traffic_ai.simulate.world import World

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where each file goes; `video` None for none. source and log: video and signal log as the
    site file names them. run: the folder of an analysis without pictures, None for none.
    """

    video: Path | None
    truth: Path
    site: Path
    signals: Path
    source: str = "video.mp4"
    log: str = "signals.csv"
    run: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path, video: bool = True, run: bool = False) -> "Places":
        """The usual names in one folder."""
        return cls(
            folder / "video.mp4" if video else None,
            folder / "truth.json",
            folder / "site.yaml",
            folder / "signals.csv",
            run=folder / "run" if run else None,
        )


def make(
    world: World, places: Places, jobs: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a world's files and answer the truth. They take their names only when all are whole.

    progress: told how many pictures are done, of how many. Raises UsageError where a folder cannot
    be written or a run lies in the way, ConfigError where the scenario's `site` is no site file.
    """
    folder = places.truth.parent
    if places.run is not None:
        from traffic_ai.simulate.fast.folder import check_replaceable, write_run

        check_replaceable(places.run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror}; give another --out"
        ) from None
    try:
        visible: list[Mapping[int, float]] = []
        if places.video is not None:
            _write_video(world, made / "video.mp4", jobs, progress, visible)
        if places.run is not None:
            truth = write_run(world, made / "truth.json", made / "run")
        else:
            truth = truth_document(world, visible)
            write_truth(truth, made / "truth.json")
        _write_signals(world, made / "signals.csv")
        text = site_text(world, places.source, places.log)
        (made / "site.yaml").write_text(text, encoding="utf-8")
        moves = [
            ("video.mp4", places.video),
            ("signals.csv", places.signals),
            ("truth.json", places.truth),
            ("site.yaml", places.site),
            ("run", places.run),
        ]
        for name, place in moves:
            if place is not None:
                if place == places.run:
                    shutil.rmtree(place, ignore_errors=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                (made / name).replace(place)
        return truth
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_video(
    world: World,
    path: Path,
    jobs: int,
    progress: Progress | None,
    visible: list[Mapping[int, float]],
) -> None:
    """Draw and encode, noting what can be seen of every vehicle."""
    from traffic_ai.simulate.draw.parallel import render
    from traffic_ai.simulate.draw.video import encode

    def pictures() -> Iterator[Picture]:
        for drawn in render(world, jobs, progress):
            visible.append(drawn.visible)
            yield drawn.picture

    encode(path, pictures(), world.timing, world.look)


def _write_signals(world: World, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["time", "group", "aspect"])
        rows.writerows(signal_rows(world))
