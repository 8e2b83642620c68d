"""What the commands that show evidence share: the reader's key, and the entry that it was shown."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import person
from traffic_ai.core.printable import printable

if TYPE_CHECKING:
    from traffic_ai.evidence.encryption import Reader

ReaderKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--reader-key",
        help="Opens encrypted pictures and clips: a file of `traffic-ai keys init-reader`. "
        "Without it: reader.key in the folder of the signing key, if it is there.",
        show_default=False,
    ),
]


def reader_of(reader_key: Path | None, keys: Path | None) -> "Reader | None":
    """Who reads encrypted evidence here; None where no key is given or found."""
    from traffic_ai.evidence.encryption import READER_KEY_FILE, load_reader
    from traffic_ai.evidence.keys import keys_folder

    path = reader_key or keys_folder(keys) / READER_KEY_FILE
    if reader_key is None and not path.exists():
        return None
    return load_reader(path)


def note_table_read(
    run: Path, counts: Mapping[str, int], how: str, by: str, keys: Path | None
) -> None:
    """Enter in the chains that so many records of each camera were read; say where it cannot be."""
    from traffic_ai.audit.records import note_table
    from traffic_ai.evidence.keys import keys_folder, load_signer

    signer = cache(lambda: load_signer(keys_folder(keys)))
    for problem in note_table(run, counts, how, by or person(), signer):
        typer.echo(f"note: {printable(problem)}", err=True)


def note_read(packages: Sequence[Path], how: str, by: str, keys: Path | None) -> None:
    """Enter in their chains that packages were read; say where that cannot be."""
    from traffic_ai.audit.records import note_packages_read
    from traffic_ai.evidence.keys import keys_folder, load_signer

    signer = cache(lambda: load_signer(keys_folder(keys)))
    for problem in note_packages_read(packages, how, by or person(), signer):
        typer.echo(f"note: {printable(problem)}", err=True)
