"""`traffic-ai tune`: which engine runs the detector best on this machine."""

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from traffic_ai.cli.options import JsonOption, SizeOption, WeightsOption
from traffic_ai.core.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traffic_ai.core.frame import Image
    from traffic_ai.detectors.regions import Box
    from traffic_ai.tuning import Look, Material, Trial

    View = tuple[tuple[int, int], tuple[Box, ...], Box | None]
    """A picture's size; detection regions and area in it."""

# Drawn roads, nobody's footage: the eight-bit graph is made with some and compared on others.
MADE_WITH = ("junction-day", "junction-night", "junction-front", "motorway", "junction-rain")
COMPARED_ON = ("junction-queue", "junction-motorcycles", "junction-dusk-glare", "curve")
_MADE_PICTURES, _COMPARED_PICTURES = 4, 8  # of each
_MADE_SEED, _COMPARED_SEED = 11, 12
_DEFAULT_PICTURE = "1280x720"


def tune(
    weights: WeightsOption = "yolov8n",
    size: SizeOption = 640,
    site: Annotated[
        Path | None,
        typer.Option("--site", "-s", help="Measure what this site's cameras and regions need."),
    ] = None,
    picture: Annotated[
        str, typer.Option("--picture", help="Size of the pictures, where no site tells it.")
    ] = _DEFAULT_PICTURE,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete what was remembered, and measure nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the engine that runs the detector best on this machine, and remember it.

    Tries every engine that is installed, in whole numbers of a byte too, with few and many threads.
    An engine is chosen only if its boxes are those of the default one within stated limits, on
    drawn pictures, if the same violations come out of the sample, and if it is clearly faster. It
    is given several cameras' pictures at once only where that is clearly faster too.
    `process` and `watch` then use it for these weights at this size, and records name it. Takes
    some minutes; run it while the machine is idle.
    """
    from traffic_ai.cli.models import pull_progress
    from traffic_ai.detectors.models import prepared_folder
    from traffic_ai.detectors.models import weights as weights_file
    from traffic_ai.tuning import Tuning

    if forget:
        _forget(as_json)
        return
    views: list[View] = [(_size(picture), (), None)]
    if site is not None:
        views = _site_views(site)
    with pull_progress() as progress:
        path = weights_file(weights, progress)
    if path.suffix == ".pt":
        raise UsageError(f"{path} is run by PyTorch; only .onnx weights have a choice of engines")

    def say(text: str) -> None:
        typer.echo(f"{text} ...", err=True)

    say("drawing roads")
    material = _material()
    looks = _looks(views, material.compared_on)
    tuning = Tuning(path, size, looks, prepared_folder())
    try:
        trials, chosen = tuning.run(material, say)
    except OSError as error:
        raise ModelError(
            f"the choice cannot be kept in {prepared_folder()}: {error.strerror or error}; set "
            "TRAFFIC_AI_MODELS to a folder that can be written"
        ) from error
    if as_json:
        typer.echo(json.dumps(_document(trials, chosen), indent=2))
    else:
        _show(trials, chosen)


def _forget(as_json: bool) -> None:
    from traffic_ai.detectors.models import prepared_folder
    from traffic_ai.detectors.remembered import forget

    deleted = forget(prepared_folder())
    if as_json:
        typer.echo(json.dumps({"deleted": [str(path) for path in deleted]}, indent=2))
    else:
        typer.echo("\n".join(map(str, deleted)) or "nothing was remembered")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if match is None:
        raise UsageError(f"--picture {text!r} is not a size; write it as {_DEFAULT_PICTURE}")
    return int(match[1]), int(match[2])


def _site_views(site: Path) -> "list[View]":
    """What each camera has looked at."""
    from traffic_ai.wiring import open_site

    found = []
    for camera in open_site(site).cameras:
        width, height = camera.reference_size_px or _size(_DEFAULT_PICTURE)
        scene = camera.scene(width, height)
        found.append(((width, height), scene.detection_regions_px, scene.detection_area_px))
    return found


def _looks(
    views: "Sequence[View]",
    pictures: "Sequence[Image]",
) -> "list[Look]":
    import cv2
    import numpy as np

    from traffic_ai.tuning import Look

    return [
        Look(np.asarray(cv2.resize(pictures[i % len(pictures)], size), np.uint8), regions, area)
        for i, (size, regions, area) in enumerate(views)
    ]


def _material() -> "Material":
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from traffic_ai.cli.sample import sample_root
    from traffic_ai.detectors.engines import core_count
    from traffic_ai.tuning import Footage, Material

    jobs = [(name, _MADE_PICTURES, _MADE_SEED) for name in MADE_WITH]
    jobs += [(name, _COMPARED_PICTURES, _COMPARED_SEED) for name in COMPARED_ON]
    with ProcessPoolExecutor(core_count(), mp_context=get_context("spawn")) as pool:
        drawn = list(pool.map(_drawn, jobs))
    made = [p for pictures in drawn[: len(MADE_WITH)] for p in pictures]
    compared = [p for pictures in drawn[len(MADE_WITH) :] for p in pictures]
    root = sample_root()
    sample = Footage(root / "sample_videos" / "junction.mp4", root / "configs" / "demo.yaml")
    return Material(made, compared, [sample])


def _drawn(job: tuple[str, int, int]) -> "list[Image]":
    from traffic_ai.simulate.pictures import pictures

    return pictures(*job)


def _show(trials: "list[Trial]", chosen: "Trial") -> None:
    row = "{:<3}{:<15}{:>7}{:>9}{:>9}{:>7}{:>8}{:>10}{:>8}{:>8}"
    heads = ("threads", "ms", "cpu ms", "ratio", "recall", "precision", "shift", "bias")
    typer.echo(row.format("", "engine", *heads))
    for trial in trials:
        mark = "*" if trial is chosen else ("-" if trial.problems else "")
        typer.echo(row.format(mark, trial.choice.engine.value, *_cells(trial)))
    for engine, problem in {t.choice.engine: t.problems for t in trials if t.problems}.items():
        typer.echo(f"- {engine}: not used: {'; '.join(problem)}")
    typer.echo(
        "shift: how far the farthest edge of a box is off, 95th percentile; bias: of its lower "
        "edge, mean; both by the box's height"
    )
    rates = (f"{one.batch_size}: {one.looks_per_s:.1f} ({one.ratio:.2f})" for one in chosen.batches)
    typer.echo(f"looks a second with so many pictures at once (ratio): {', '.join(rates)}")
    choice = chosen.choice
    typer.echo(
        f"* {choice.engine} with {choice.threads} threads is remembered; pictures at once: "
        f"{choice.batch_size}"
    )


def _cells(trial: "Trial") -> list[str]:
    found = trial.agreement
    agreed = (
        [found.recall, found.precision, found.largest_shift, found.bottom_bias] if found else []
    )
    numbers = [
        *(f"{v:.1f}" for v in (trial.look_ms, trial.cpu_ms)),
        f"{trial.ratio:.2f}",
        *(f"{v:.4f}" for v in agreed),
        *("" for _ in range(4 - len(agreed))),
    ]
    return [str(trial.choice.threads or ""), *(n.replace("nan", "") for n in numbers)]


def _document(trials: "list[Trial]", chosen: "Trial") -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    rows = []
    for trial in trials:
        agreement = asdict(trial.agreement) if trial.agreement is not None else None
        rows.append(
            {
                "engine": trial.choice.engine.value,
                "threads": trial.choice.threads,
                "batch_size": trial.choice.batch_size,
                "look_ms": number(trial.look_ms),
                "cpu_ms": number(trial.cpu_ms),
                "ratio": number(trial.ratio),
                "agreement": agreement and {k: number(v) for k, v in agreement.items()},
                "problems": list(trial.problems),
                "batches": [asdict(one) for one in trial.batches],
                "chosen": trial is chosen,
            }
        )
    return {"trials": rows}
