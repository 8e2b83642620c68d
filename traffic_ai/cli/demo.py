"""`traffic-ai demo`: the whole main job on the simulated sample, beside its truth."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from traffic_ai.stores.records import SourceKey

_SAME_EVENT_S = 2.0


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Run folder for the store and the evidence.")
    ] = Path("demo_out"),
) -> None:
    """Analyse the simulated sample junction and print what was found beside what was true.

    Runs the real detector, tracker and rules; the weights are fetched on the first run. Exit code
    1 if anything was missed or wrongly reported.
    """
    import threading

    from traffic_ai.batch.run import Batch
    from traffic_ai.cli.keys import signer_or_note
    from traffic_ai.cli.models import pull_progress
    from traffic_ai.cli.process import stopping_on_signals
    from traffic_ai.cli.progress import BatchProgress
    from traffic_ai.cli.sample import sample_root
    from traffic_ai.sources.file import content_hash
    from traffic_ai.wiring import DetectorOptions, load_detector, open_site

    root = sample_root()
    video = root / "sample_videos" / "junction.mp4"
    site = open_site(root / "configs" / "demo.yaml")
    signer = signer_or_note(None)
    with pull_progress() as progress:
        detector = load_detector(DetectorOptions(), progress)
    stop = threading.Event()
    batch = Batch(site, out, detector, signer=signer, stop=stop)
    with stopping_on_signals(stop), BatchProgress() as listener:
        outcomes = batch.run([video], listener)
    if stop.is_set() or not outcomes:
        raise typer.Exit(130)
    truth = json.loads(video.with_suffix(".truth.json").read_text(encoding="utf-8"))
    key = batch.key(site.cameras[0], content_hash(video))
    right = print_beside_truth(found_in(out, key), truth["violations"])
    typer.echo(f"\nstore and evidence: {out}")
    typer.echo(f"as CSV: traffic-ai export {out} --output violations.csv")
    if not right:
        raise typer.Exit(1)


def print_beside_truth(found: list[dict[str, Any]], true: list[dict[str, Any]]) -> bool:
    """Print a table of what was true and what was found; whether they agree."""
    from rich.console import Console
    from rich.table import Table

    table = Table("violation", "lane", "true", "found", "")
    left = list(found)
    right = True
    certain = [event for event in true if event.get("certain", True)]
    for event in sorted(certain, key=lambda e: float(e["t_s"])):
        match = next((f for f in left if _is_same(f, event)), None)
        if match is not None:
            left.remove(match)
        right = right and match is not None
        table.add_row(
            event["kind"].replace("_", " "),
            event["lane"],
            _true_words(event),
            match["words"] if match is not None else "",
            "found" if match is not None else "MISSED",
        )
    for extra in left:
        right = False
        table.add_row(
            extra["kind"].replace("_", " "), extra["lane"], "", extra["words"], "NOT TRUE"
        )
    Console(width=140).print(table)
    return right


def found_in(out: Path, key: "SourceKey") -> list[dict[str, Any]]:
    """What that analysis found: the folder may hold others, of other versions of the rules."""
    from traffic_ai.evaluate.run_folder import is_of
    from traffic_ai.evidence.words import stored_figure
    from traffic_ai.stores.database import ViolationStore
    from traffic_ai.stores.run_folder import STORE_NAME

    with ViolationStore.open(out / STORE_NAME, read_only=True) as store:
        return [
            {
                "kind": v.kind.value,
                "lane": v.lane_id,
                "class": v.road_user,
                "t_s": v.t_s,
                "words": f"{v.road_user} at {v.t_s:.2f} s, {stored_figure(v)}",
            }
            for v in store.violations()
            if is_of(v, key)
        ]


def _is_same(found: dict[str, Any], event: dict[str, Any]) -> bool:
    until_s = float(event.get("until_s", event.get("stands_until_s", event["t_s"])))
    in_time = float(event["t_s"]) - _SAME_EVENT_S <= found["t_s"] <= until_s + _SAME_EVENT_S
    return bool(found["kind"] == event["kind"] and found["lane"] == event["lane"] and in_time)


def _true_words(event: dict[str, Any]) -> str:
    figure = {
        "red_light": lambda e: f"front crosses {e['time_into_red_s']:.2f} s into red",
        "speeding": lambda e: f"{e['speed_kmh']:.1f} km/h where {e['limit_kmh']:.0f} is allowed",
        "wrong_way": lambda e: f"{e['driven_m']:.1f} m against the direction",
        "stop_over_line": lambda e: f"front {e['front_over_line_m']:.1f} m over the line",
    }[event["kind"]](event)
    return f"{event['class']} at {event['t_s']:.2f} s, {figure}"
