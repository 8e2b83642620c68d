"""`traffic-ai verify`: whether evidence is as it was sealed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import JsonOption, KeysOption
from traffic_ai.core.printable import printable

if TYPE_CHECKING:
    from traffic_ai.audit.verify_report import Report

EXIT_PROBLEMS = 1


def verify(
    path: Annotated[Path, typer.Argument(help="A run folder, or one package of it.")],
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            "--public-key",
            help="Who may have signed: a PEM file, or 64 hex digits; repeatable. Without it, "
            "your own key, if there is one.",
        ),
    ] = None,
    head: Annotated[
        list[Path] | None,
        typer.Option("--head", help="A file of `traffic-ai seal head`; repeatable."),
    ] = None,
    stamp_authority: Annotated[
        list[Path] | None,
        typer.Option(
            "--stamp-authority",
            help="Certificates (PEM) that time stamps must lead to; repeatable. Without it, the "
            "signatures of time stamps are not checked.",
        ),
    ] = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check evidence: hashes, chain, signatures, files too many or too few, and the store's rows.

    Says what is wrong and where. Changes nothing. Exit code 0: nothing is wrong; 1: something is.
    """
    from traffic_ai.audit.verify import read_heads
    from traffic_ai.audit.verify import verify as check
    from traffic_ai.evidence.stamp import Authorities

    heads = [known for file in head or () for known in read_heads(file)]
    authorities = Authorities.read(stamp_authority) if stamp_authority else None
    report = check(path, _trusted(public_key, keys), heads, authorities)
    if as_json:
        typer.echo(json.dumps({"ok": not report.problems, **asdict(report)}, indent=2))
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(EXIT_PROBLEMS)


def _trusted(given: Sequence[str] | None, keys: Path | None) -> list[str]:
    from traffic_ai.evidence.keys import keys_folder, load_signer, read_public_keys

    if given:
        return [key for one in given for key in read_public_keys(one)]
    signer = load_signer(keys_folder(keys))
    return signer.known_keys() if signer else []


def _print(report: "Report") -> None:
    for chain in report.chains:
        signed = ", ".join(key[:16] for key in chain.public_keys) or "nobody"
        typer.echo(
            f"{printable(chain.camera_id)}: {chain.entries} entries, {chain.packages} packages, "
            f"signed by {signed}"
        )
    for note in report.notes:
        typer.echo(f"note: {printable(str(note))}")
    for problem in report.problems:
        typer.echo(f"PROBLEM {printable(str(problem))}")
    packages = sum(chain.packages for chain in report.chains)
    if report.problems:
        typer.echo(f"{len(report.problems)} problems")
    else:
        typer.echo(f"{packages} packages, nothing wrong with them")
