"""What a run left on the disk, and which of it no record owns."""

import json
import sqlite3

# How pictures and films begin: JPEG, PNG, BMP would be two letters, MP4, Matroska.
FILM_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"ftypisom", b"ftypmp4", b"\x1a\x45\xdf\xa3", b"moov")


def files_below(*folders):
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def owned_by_records(run):
    """The files of the packages that the store's rows name."""
    with sqlite3.connect(run / "violations.sqlite") as connection:
        paths = [
            path for (path,) in connection.execute("SELECT evidence_path FROM violations") if path
        ]
    connection.close()
    owned = set()
    for path in paths:
        manifest = json.loads((run / path / "manifest.json").read_text())
        names = [entry["file"] for entry in manifest["files"]]
        owned |= {run / path / name for name in [*names, "manifest.json", "seal.json"]}
    return owned


def unowned(run, *elsewhere):
    """Files that are neither the store, nor a chain, nor of a record's package."""
    owned = owned_by_records(run)
    owned |= {run / "violations.sqlite", *(run / "evidence").glob("*/chain.jsonl")}
    return files_below(run, *elsewhere) - owned


def with_pictures(run, *elsewhere):
    """Files outside the packages that hold what a picture or film begins with."""
    owned = owned_by_records(run)
    outside = files_below(run, *elsewhere) - owned
    return {path for path in outside if any(mark in path.read_bytes() for mark in FILM_MARKS)}
