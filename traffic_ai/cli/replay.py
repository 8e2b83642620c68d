"""`traffic-ai replay`: records decided again from their packages, every number compared."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import (
    AllowPtOption,
    ByOption,
    EngineOption,
    JsonOption,
    KeysOption,
    SizeOption,
    WeightsOption,
)
from traffic_ai.cli.reading import ReaderKeyOption, note_read, reader_of
from traffic_ai.core.errors import TrafficAiError
from traffic_ai.core.printable import printable

if TYPE_CHECKING:
    from traffic_ai.audit.replay import ReplayReport
    from traffic_ai.audit.replay_clip import ClipReport
    from traffic_ai.detectors.regions import SizedDetector
    from traffic_ai.evidence.encryption import Reader

EXIT_DIFFERS = 1
_SHOWN = 10


def replay(
    path: Annotated[Path, typer.Argument(help="A run folder, or one package of it.")],
    from_clip: Annotated[
        bool,
        typer.Option("--from-clip", help="Also run the detector on each clip, and compare."),
    ] = False,
    weights: WeightsOption = "yolov8n",
    size: SizeOption = 640,
    allow_pt: AllowPtOption = False,
    engine: EngineOption = "",
    as_json: JsonOption = False,
    by: ByOption = "",
    keys: KeysOption = None,
    reader_key: ReaderKeyOption = None,
) -> None:
    """Decide again from the stored track, signals and site, and compare every number.

    Needs only the package. --from-clip runs detector and tracker on the clip too and says how far
    they differ; that is no part of the verdict, for the clip begins later than the recording did.
    The cameras' chains tell that, when and by whom the records were read. Exit code 0: everything
    came out the same; 1: something did not.
    """
    from traffic_ai.audit.replay import replay as decide_again

    reader = reader_of(reader_key, keys) if from_clip else None
    reports, clips = [], {}
    detector = None
    for report in decide_again(path):
        reports.append(report)
        if not as_json:
            _print(report)
        if from_clip:
            if detector is None:
                detector = _detector(weights, size, allow_pt, engine)
            clips[report.id] = _clip(report, detector, reader)
            if not as_json:
                _print_clip(clips[report.id])
    how = "replay from clip" if from_clip else "replay"
    note_read([report.folder for report in reports], how, by, keys)
    same = sum(report.is_same for report in reports)
    if as_json:
        typer.echo(json.dumps([_as_json(r, clips.get(r.id)) for r in reports], indent=2))
    else:
        typer.echo(f"{same} of {len(reports)} records come out the same")
    if same < len(reports):
        raise typer.Exit(EXIT_DIFFERS)


def _detector(weights: str, size: int, allow_pt: bool, engine: str) -> "SizedDetector":
    from traffic_ai.cli.models import pull_progress
    from traffic_ai.wiring import DetectorOptions, choose_engine, load_detector

    with pull_progress() as progress:
        asked = DetectorOptions(weights, size, allow_pt)
        options, said = choose_engine(asked, engine, progress)
        if said:
            typer.echo(said, err=True)
        return load_detector(options, progress)


def _clip(
    report: "ReplayReport", detector: "SizedDetector", reader: "Reader | None"
) -> "ClipReport | str":
    """What the clip shows, or why it cannot be said."""
    from traffic_ai.audit.replay_clip import replay_clip

    try:
        return replay_clip(report.folder, detector, reader)
    except TrafficAiError as error:
        return str(error)


def _print(report: "ReplayReport") -> None:
    kind = report.kind.replace("_", " ")
    named = printable(f"{report.id}  {kind}")
    if report.is_same:
        typer.echo(f"{named}: the same")
        return
    if report.problem:
        typer.echo(f"{named}: NOT REPLAYED: {printable(report.problem)}")
        return
    typer.echo(f"{named}: DIFFERS in {len(report.differences)} values")
    for d in report.differences[:_SHOWN]:
        told = f"{d.path or 'outcome'}: recorded {d.recorded}, again {d.replayed or 'none'}"
        typer.echo(f"    {printable(told)}")
    if len(report.differences) > _SHOWN:
        typer.echo(f"    and {len(report.differences) - _SHOWN} more")


def _print_clip(clip: "ClipReport | str") -> None:
    if isinstance(clip, str):
        typer.echo(f"    from the clip: not possible: {printable(clip)}")
        return
    coded = "encoded again" if clip.reencoded else "the source's own packets"
    typer.echo(
        f"    from the clip ({clip.start_s:.2f}..{clip.end_s:.2f} s, {coded}; it begins later than "
        "the recording, so small differences are natural):"
    )
    if not clip.same_model:
        typer.echo("      another detector model than the record's")
    if clip.box_iou is not None:
        typer.echo(
            f"      vehicle found in {clip.seen} of {clip.frames} pictures, median overlap "
            f"{clip.box_iou:.3f}, lower edge off by {clip.bottom_edge_px:.2f} px (median)"
        )
    else:
        typer.echo(f"      vehicle found in none of {clip.frames} pictures")
    if not clip.reported:
        told = ", ".join(clip.near_misses).replace("_", " ")
        reasons = printable(told) or "nothing like it was seen"
        typer.echo(f"      not reported from the clip alone: {reasons}")
        return
    typer.echo(f"      {'':28} {'record':>12} {'clip':>12} {'difference':>12}")
    for value in clip.values:
        if value.from_clip is None:
            continue
        typer.echo(
            f"      {value.name:28} {value.recorded:12.3f} {value.from_clip:12.3f} "
            f"{value.from_clip - value.recorded:+12.3f}"
        )


def _as_json(report: "ReplayReport", clip: "ClipReport | str | None") -> dict[str, object]:
    return {
        "id": report.id,
        "kind": report.kind,
        "package": str(report.folder),
        "same": report.is_same,
        "problem": report.problem,
        "differences": [asdict(difference) for difference in report.differences],
        "clip": clip if clip is None or isinstance(clip, str) else asdict(clip),
    }
