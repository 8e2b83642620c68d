"""`traffic-ai keys`: the key that signs evidence."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.logs import say
from traffic_ai.cli.options import JsonOption, KeysOption
from traffic_ai.core.errors import TrafficAiError, UsageError

if TYPE_CHECKING:
    from traffic_ai.evidence.keys import Signer

app = typer.Typer(help="Make, replace and show the key that signs evidence.", no_args_is_help=True)


@app.command()
def init(keys: KeysOption = None) -> None:
    """Make the key. It stays in its folder, readable by you alone; back it up."""
    from traffic_ai.evidence.keys import KEY_FILE, keys_folder, make_key

    folder = keys_folder(keys)
    signer = make_key(folder)
    typer.echo(f"made {folder / KEY_FILE}; public key {signer.public_key}")


@app.command("list")
def list_keys(keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """Show the public key, and those it took over from."""
    from traffic_ai.evidence.keys import KEY_FILE, keys_folder

    folder = keys_folder(keys)
    signer = _signer(folder)
    rows: list[dict[str, str | None]] = []
    for key in signer.known_keys():
        step = signer.taken_over.get(key)
        rows.append({"public_key": key, "took_over_at": step.made_at if step else None})
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "keys": rows}, indent=2))
        return
    typer.echo(f"{folder / KEY_FILE}")
    for number, row in enumerate(rows):
        state = "present" if number == 0 else "retired"
        since = f"  since {row['took_over_at']}" if row["took_over_at"] else ""
        typer.echo(f"{row['public_key']}  {state}{since}")


@app.command()
def rotate(keys: KeysOption = None) -> None:
    """Make a new key that the present one hands over to; the present private key is removed.

    A running `process` or `watch` signs what it seals from then on with the new one.
    """
    from traffic_ai.evidence.keys import keys_folder, rotate_key

    signer = rotate_key(keys_folder(keys))
    typer.echo(f"new public key {signer.public_key}; {signer.known_keys()[1]} is retired")


@app.command("init-reader")
def init_reader(
    keys: KeysOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the private key. Default: KEYS/reader.key."),
    ] = None,
) -> None:
    """Make the key that opens encrypted pictures and clips. Make it where they will be read.

    What it prints goes into the site file of the computer that records, which needs no more. Back
    the file up: without it, nobody can open what is encrypted for it.
    """
    from traffic_ai.evidence.encryption import READER_KEY_FILE, make_reader
    from traffic_ai.evidence.keys import keys_folder

    path = output or keys_folder(keys) / READER_KEY_FILE
    (public,) = make_reader(path).public_keys
    typer.echo(f"made {path}; keep it away from the computer that records. For the site file:")
    typer.echo(f"evidence: {{encrypt_for: [{public}]}}")


@app.command("export-public")
def export_public(
    keys: KeysOption = None,
    retired: Annotated[
        bool, typer.Option("--retired", help="Also the keys it took over from.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else it is printed.")
    ] = None,
) -> None:
    """Write the public key as PEM, for those who verify."""
    from traffic_ai.evidence.keys import keys_folder, public_pem

    signer = _signer(keys_folder(keys))
    chosen = signer.known_keys() if retired else [signer.public_key]
    text = "".join(public_pem(key) for key in chosen)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="ascii")
    except OSError as error:
        raise TrafficAiError(f"cannot write {output}: {error.strerror}") from error


def signer_or_note(keys: Path | None) -> "Signer | None":
    """The signer of a run; says so where there is none. Raises UsageError for a broken key."""
    from traffic_ai.evidence.keys import keys_folder, load_signer

    folder = keys_folder(keys)
    signer = load_signer(folder)
    if signer is None:
        if keys is not None:
            raise UsageError(f"there is no key in {folder}; make one with `traffic-ai keys init`")
        say(
            f"note: evidence is chained but not signed: there is no key in {folder} "
            "(`traffic-ai keys init` makes one)"
        )
    return signer


def _signer(folder: Path) -> "Signer":
    from traffic_ai.evidence.keys import load_signer

    signer = load_signer(folder)
    if signer is None:
        raise UsageError(f"there is no key in {folder}; make one with `traffic-ai keys init`")
    return signer
