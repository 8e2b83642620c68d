#!/usr/bin/env python3
"""Checks evidence of traffic-ai without traffic-ai.

One file; needs Python 3.11 and the package `cryptography`, and imports nothing of the project.
docs/evidence.md describes the format it reads, so that you need not believe this file either.

    python verify_evidence.py FOLDER [--public-key FILE_OR_HEX]... [--head FILE]...

FOLDER is a run folder (it holds `evidence/`) or one package (it holds `manifest.json`).
Exit status: 0 nothing wrong, 1 something wrong, 2 called wrongly.
"""

import argparse
import contextlib
import hashlib
import json
import re
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

ENTRY_KEYS = {
    "camera_id", "clock", "format", "kind", "payload", "previous", "public_key", "sealed_at",
    "sequence", "signature",
}  # fmt: skip
HEAD_KEYS = {
    "camera_id", "entry_sha256", "format", "public_key", "sequence", "signature", "taken_at"
}  # fmt: skip
HANDOVER_KEYS = {"format", "made_at", "new", "old", "signature"}
OWN_FILES = {"manifest.json", "seal.json", "seal.tsr"}
STAMP_HASHES = {
    "608648016503040201": "sha256",
    "608648016503040202": "sha384",
    "608648016503040203": "sha512",
}
LARGEST_SEAL_BYTES = 1 << 20
# Columns of the store by their names in the record; of several, the first that its kind has.
TOLD = ("camera_id", "kind", "lane_id", "road_user", "t_s", "rule_version")
PROVENANCE = ("source_hash", "config_hash", "model_hash", "software_version")
MEASURED = {
    "speed_kmh": ("speed_kmh",),
    "speed_uncertainty_kmh": ("expanded_uncertainty_kmh",),
    "limit_kmh": ("limit_kmh",),
    "time_into_red_s": ("time_into_red_s",),
    "yellow_duration_s": ("yellow_duration_s",),
    "distance_m": ("distance_m", "distance_over_m"),
    "distance_uncertainty_m": ("distance_standard_uncertainty_m",),
    "duration_s": ("duration_s", "standing_s"),
    "deducted_kmh": ("deducted_kmh",),
    "enforced_kmh": ("enforced_kmh",),
}
HEX64 = re.compile(r"[0-9a-f]{64}")
HEX128 = re.compile(r"[0-9a-f]{128}")


class FormatError(Exception):
    """Something is not as the format wants it."""


# -- the format ------------------------------------------------------------------------------------


def canonical(value):
    """The only way to write a value: sorted keys, no spaces, UTF-8, whole numbers."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def no_fraction(text):
    """Refuse numbers that are not whole."""
    raise FormatError(f"it holds the fraction {text}")


def check_plain(value):
    """Refuse numbers that not every reader holds exactly, and keys that are not ASCII."""
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        raise FormatError("it holds a number that is too large")
    if isinstance(value, dict) and not all(key.isascii() for key in value):
        raise FormatError("it has a key that is not ASCII")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            check_plain(inner)


def parse(data, keys, form):
    """The object in canonical bytes that has exactly these keys."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_float=no_fraction, parse_constant=no_fraction)
        check_plain(value)
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON ({error})") from None
    if again != data:
        raise FormatError("it is JSON, but not in canonical form")
    if not isinstance(value, dict) or set(value) != keys or value["format"] != form:
        raise FormatError(f"it is not of the format {form!r}")
    return value


def parse_entry(data):
    """An entry of a chain: one line of it, or seal.json, without the newline."""
    entry = parse(data, ENTRY_KEYS, "traffic-ai seal 1")
    texts = ("camera_id", "kind", "previous", "sealed_at")
    if not all(isinstance(entry[name], str) for name in texts):
        raise FormatError("a field that is text holds something else")
    if not all(isinstance(entry[name], str | None) for name in ("public_key", "signature")):
        raise FormatError("its key or its signature is no text")
    if not isinstance(entry["payload"], dict) or not isinstance(entry["clock"], dict):
        raise FormatError("payload or clock is no object")
    if type(entry["sequence"]) is not int or entry["sequence"] < 1:
        raise FormatError("its sequence is no number from 1 on")
    key, signature = entry["public_key"], entry["signature"]
    if (key is None) != (signature is None):
        raise FormatError("it has a key or a signature, not both")
    if key is not None and not (HEX64.fullmatch(key) and HEX128.fullmatch(signature)):
        raise FormatError("its key or its signature is not in hex")
    if not HEX64.fullmatch(entry["previous"]):
        raise FormatError("its `previous` is no SHA-256")
    try:
        moment = datetime.strptime(entry["sealed_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise FormatError("its `sealed_at` is no time") from None
    if moment.isoformat(timespec="microseconds") + "Z" != entry["sealed_at"]:
        raise FormatError("its `sealed_at` is not written in full")
    if entry["kind"] == "package":
        payload = entry["payload"]
        if not isinstance(payload.get("path"), str):
            raise FormatError("it names no package")
        if not HEX64.fullmatch(str(payload.get("manifest_sha256"))):
            raise FormatError("it names no SHA-256 of a manifest")
    return entry


def unique(pairs):
    """An object; refuses a key that stands twice, of which some readers take the first."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise FormatError("a key stands twice in one object")
    return made


def read_json(data):
    """A JSON value that every reader takes for the same."""
    try:
        return json.loads(data, object_pairs_hook=unique)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"it is not JSON ({error})") from None


def same(one, other):
    """Whether two JSON values are the same; in Python, 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def printable(text):
    """The text without what could steer a terminal or break a line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def read_seal(folder):
    """The entry in a package's seal.json."""
    path = folder / "seal.json"
    if path.exists() and not path.is_file():
        raise FormatError("it is no file")
    if path.stat().st_size > LARGEST_SEAL_BYTES:
        raise FormatError("it is too large")
    data = path.read_bytes()
    if not data.endswith(b"\n"):
        raise FormatError("it is cut off")
    return parse_entry(data[:-1])


def sha256(data):
    """Of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path):
    """Of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def holds(path, data):
    """Whether a file holds these bytes; one of another size is not read."""
    return path.stat().st_size == len(data) and path.read_bytes() == data


def signed_by(value, key):
    """Whether `signature` is the key's, over the canonical form of everything else."""
    if not HEX64.fullmatch(str(key)) or not HEX128.fullmatch(str(value["signature"])):
        return False
    signed = canonical({name: value[name] for name in value if name != "signature"})
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(value["signature"]), signed
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def folder_name(text):
    """The folder that a camera or violation of this name lies in."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", text):
        return text
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:60].strip("_") or "_"
    return f"{cleaned}-{sha256(text.encode('utf-8', 'backslashreplace'))[:8]}"


# -- checking --------------------------------------------------------------------------------------


class Check:
    """Collects what is wrong (`problems`) and what is only worth knowing (`notes`)."""

    def __init__(self, trusted=(), heads=()):
        self.trusted = set(trusted)
        self.heads = list(heads)
        self.problems = []
        self.notes = []
        self.package_count = 0
        self.reviews = {}  # the last decision on each record, by camera folder and record
        self.deleted = set()  # records that were deleted, likewise
        self.untold = set()  # those of them of which the store has said nothing so far
        self.packages = {}  # the entry of each that should be there, by path in the run folder
        self.chains = {}  # by camera folder: hashes of lines, keys

    def wrong(self, place, what):
        """Add a problem."""
        self.problems.append(f"{place}: {what}")

    def note(self, place, what):
        """Add a note."""
        self.notes.append(f"{place}: {what}")

    def lone_package(self, folder):
        """A package by its own seal; its place in the chain cannot be seen from it."""
        self.package_count = 1
        try:
            entry = read_seal(folder)
            if entry["kind"] != "package":
                raise FormatError("it is not the seal of a package")
        except FileNotFoundError:
            return self.wrong("seal.json", "is missing")
        except FormatError as error:
            return self.wrong("seal.json", str(error))
        keys = set()
        if entry["public_key"] is not None or entry["signature"] is not None:
            keys.add(entry["public_key"])
            if not signed_by(entry, entry["public_key"]):
                self.wrong("seal.json", "the signature does not hold")
        self.trust("seal.json", keys)
        self.package(folder, ".", entry)
        return None

    def run(self, run):
        """A whole run folder."""
        root = run / "evidence"
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if folder.is_symlink() or not folder.is_dir():
                self.wrong(f"evidence/{folder.name}", "is no camera's folder")
                continue
            found, *self.chains[folder.name] = self.camera(folder)
            self.packages |= {f"evidence/{folder.name}/{path}": p for path, p in found.items()}
        for head in self.heads:
            self.head(head)
        if (run / "violations.sqlite").is_file():
            self.store(run)
        else:
            self.note("violations.sqlite", "is not here; the packages were checked alone")

    def camera(self, folder):
        """A camera's chain and packages: what should be there, the lines' hashes, the keys."""
        where = f"evidence/{folder.name}"
        with quiet(folder / "chain.jsonl"):
            there = self.tree(folder, where)
            lines = self.lines(folder, where, there)
        expected, keys = self.chain(folder.name, where, lines)
        for path in sorted(there - set(expected)):
            self.wrong(f"{where}/{path}", "is in no entry of the chain")
        for path, entry in expected.items():
            self.package_count += 1
            if path in there:
                self.package(folder / path, f"{where}/{path}", entry)
            else:
                self.wrong(f"{where}/{path}", f"is missing; entry {entry['sequence']} names it")
        return expected, [sha256(line) for line in lines], keys

    def tree(self, folder, where):
        """The packages (kind/date/id) in a camera's folder; whatever else lies there is wrong."""
        packages = set()
        level = [folder]
        for depth in (1, 2, 3):
            below = []
            for path in sorted(path for parent in level for path in parent.iterdir()):
                name = path.relative_to(folder).as_posix()
                if path.is_symlink() or not path.is_dir():
                    plain = path.is_file() and not path.is_symlink()
                    if name not in ("chain.jsonl", "chain.next") or not plain:
                        self.wrong(f"{where}/{name}", "belongs to no package")
                elif path.name.startswith(".") and path.name.endswith(".partial"):
                    self.note(f"{where}/{name}", "is a package that was never finished")
                elif depth == 3:
                    packages.add(name)
                else:
                    below.append(path)
            level = below
        return packages

    def lines(self, folder, where, there):
        """The chain's lines, with the one in chain.next if a stopped program left it there."""
        chain, waiting = folder / "chain.jsonl", folder / "chain.next"
        after = waiting.read_bytes().removesuffix(b"\n") if waiting.is_file() else b""
        *lines, rest = chain.read_bytes().split(b"\n") if chain.is_file() else [b""]
        if after:
            try:
                entry = parse_entry(after)
                fits = entry["sequence"] == len(lines) + 1
                fits = fits and entry["previous"] == (sha256(lines[-1]) if lines else "0" * 64)
                came = {"package": True, "deletion": False}.get(entry["kind"])
                path = entry["payload"].get("path")
                came = came is None or (isinstance(path, str) and path in there) == came
            except FormatError:
                fits = came = False
            if fits and came and after.startswith(rest):
                self.note(f"{where}/chain.next", "holds the last entry; the program was stopped")
                return [*lines, after]
            self.note(f"{where}/chain.next", "holds an entry that is not in force")
        if rest:
            self.wrong(f"{where}/chain.jsonl", "ends in the middle of a line")
        return lines

    def chain(self, name, where, lines):
        """Goes through a chain; returns its packages by path, and the keys that signed."""
        packages, keys, unsigned = {}, set(), 0
        before, sequence, key, time = "0" * 64, 0, None, ""
        for number, line in enumerate(lines, 1):
            place = f"{where}/chain.jsonl line {number}"
            named, before = before, sha256(line)
            sequence += 1
            try:
                entry = parse_entry(line)
            except FormatError as error:
                self.wrong(place, str(error))
                continue
            if entry["previous"] != named:
                self.wrong(place, f"names {entry['previous']} as the line before, which is {named}")
            if entry["sequence"] != sequence:
                self.wrong(place, f"is number {entry['sequence']}, {sequence} was due")
                sequence = entry["sequence"]
            if folder_name(entry["camera_id"]) != name:
                self.wrong(place, f"is of the camera {entry['camera_id']!r}")
            if entry["public_key"] is None and entry["signature"] is None:
                unsigned += 1
                if key is not None:
                    self.wrong(place, "has no signature, and the entries before have one")
            else:
                if not signed_by(entry, entry["public_key"]):
                    self.wrong(place, "the signature does not hold")
                if key not in (None, entry["public_key"]) and not handed_over(entry, key):
                    self.wrong(place, f"is signed by {entry['public_key']}, not by {key}")
                key = entry["public_key"]
                keys.add(key)
            if entry["sealed_at"] < time:
                self.note(place, f"is of {entry['sealed_at']}, earlier than the line before")
            time = entry["sealed_at"]
            if datetime.fromisoformat(time) > datetime.now(UTC):
                self.note(place, f"is of {time}, later than this computer's clock")
            path, record = entry["payload"].get("path"), entry["payload"].get("record")
            if entry["kind"] in ("review", "deletion") and not (
                isinstance(record, str) and isinstance(entry["payload"].get("path", ""), str)
            ):
                self.wrong(place, f"is a {entry['kind']} that names no record, or no path")
            elif entry["kind"] == "review":
                self.reviews[name, record] = entry
            elif entry["kind"] == "package":
                if path in packages:
                    self.wrong(place, f"enters {path} a second time")
                packages[path] = entry
            elif entry["kind"] == "deletion":
                self.note(place, f"says that {path or record} was deleted")
                self.reviews.pop((name, record), None)
                self.deleted.add((name, record))
                if path is not None and packages.pop(path, None) is None:
                    self.wrong(place, f"deletes {path}, which was not there")
        if lines:
            self.trust(f"{where}/chain.jsonl", keys)
        if keys and unsigned:
            self.note(f"{where}/chain.jsonl", f"{unsigned} entries are not signed themselves")
        return packages, keys

    def trust(self, place, keys):
        """One key is enough: keys hand over to each other, and each signs what came before."""
        if self.trusted and not self.trusted & keys:
            self.wrong(place, "is not signed with a key given with --public-key")
        elif not keys:
            self.note(place, "is not signed")
        elif not self.trusted:
            self.note(place, "whose key signed is not known; give it with --public-key")

    def package(self, folder, where, entry):
        """Seal, manifest and files of a package against its entry."""
        there, line = set(), canonical(entry) + b"\n"
        for path in folder.iterdir():
            if path.is_symlink() or not path.is_file():
                self.wrong(f"{where}/{path.name}", "is no plain file")
            else:
                there.add(path.name)
        if "seal.json" not in there:
            self.wrong(f"{where}/seal.json", "is missing")
        elif not holds(folder / "seal.json", line):
            self.wrong(f"{where}/seal.json", f"is not entry {entry['sequence']}")
        if {"seal.json", "seal.tsr"} <= there:
            self.stamp(folder, f"{where}/seal.tsr", line)
        if "manifest.json" not in there:
            self.wrong(f"{where}/manifest.json", "is missing")
            return
        expected = entry["payload"]["manifest_sha256"]
        found = sha256_of_file(folder / "manifest.json")
        if found != expected:
            self.wrong(f"{where}/manifest.json", f"SHA-256 is {found}, sealed was {expected}")
            return
        try:
            manifest = read_json((folder / "manifest.json").read_bytes())
            listed = [(f["file"], f["size_bytes"], f["sha256"]) for f in manifest["files"]]
            known = {name for name, _, _ in listed}
            violation = manifest["violation"]
            names = tuple(str(violation[name]) for name in ("camera_id", "kind", "id"))
        except (FormatError, KeyError, TypeError):
            self.wrong(f"{where}/manifest.json", "is no manifest")
            return
        kind, _, own_name = ("/" * 3 + entry["payload"]["path"]).split("/")[-3:]
        if tuple(map(folder_name, names)) != (folder_name(entry["camera_id"]), kind, own_name):
            self.wrong(f"{where}/manifest.json", f"is of {names}")
        for name, size_bytes, digest in listed:
            if name not in there:
                self.wrong(f"{where}/{name}", "is missing")
            elif (size := (folder / name).stat().st_size) != size_bytes:
                self.wrong(f"{where}/{name}", f"has {size} bytes, sealed were {size_bytes}")
            elif (found := sha256_of_file(folder / name)) != digest:
                self.wrong(f"{where}/{name}", f"SHA-256 is {found}, sealed was {digest}")
        for name in sorted(there - known - OWN_FILES):
            self.wrong(f"{where}/{name}", "is in no manifest")

    def stamp(self, folder, place, seal):
        """A time stamp: is it of seal.json? Its signature is for `openssl ts -verify`."""
        try:
            if (folder / "seal.tsr").stat().st_size > LARGEST_SEAL_BYTES:
                raise FormatError("it is too large")
            name, found, time = stamped((folder / "seal.tsr").read_bytes())
        except (FormatError, IndexError, ValueError) as error:
            self.wrong(place, f"is no time stamp ({error})")
            return
        if hashlib.new(name, seal).digest() != found:
            self.wrong(place, "stamps something else than seal.json")
        else:
            self.note(place, f"says {time}; whose word that is: `openssl ts -verify`")

    def head(self, head):
        """A deposited head against the chain: is what it saw still there?"""
        place = f"evidence/{folder_name(head['camera_id'])}/chain.jsonl"
        hashes, keys = self.chains.get(folder_name(head["camera_id"]), ([], set()))
        if not 1 <= head["sequence"] <= len(hashes):
            self.wrong(place, f"has {len(hashes)} entries, the head saw {head['sequence']}")
        elif hashes[head["sequence"] - 1] != head["entry_sha256"]:
            self.wrong(place, f"entry {head['sequence']} is not the one that the head saw")
        if head["signature"] is None:
            self.note(place, "the head is not signed")
        elif not signed_by(head, head["public_key"]):
            self.wrong(place, "the signature of the head does not hold")
        elif self.trusted and head["public_key"] not in self.trusted | keys:
            self.wrong(place, "the head is signed with a key not given with --public-key")

    def store(self, run):
        """Every record with evidence against its sealed manifest."""
        counts, left = {}, dict(self.packages)
        path_of = {path.split("/")[-1]: path for path in left}
        self.untold = set(self.deleted)
        uri = (run / "violations.sqlite").resolve().as_uri()
        # Without a log beside it nobody writes to it, and it may lie where nobody can.
        logs = (run / f"violations.sqlite-{end}" for end in ("wal", "journal"))
        uri += "?mode=ro" if any(log.exists() for log in logs) else "?mode=ro&immutable=1"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                self.soundness(connection)
                cursor = connection.execute("SELECT * FROM violations")
                names = [column for column, *_ in cursor.description]
                for values in cursor:
                    row = dict(zip(names, values, strict=True))
                    if said := self.evidence(run, row, left, path_of):
                        counts[said] = counts.get(said, 0) + 1
                self.decisions(connection)
        except (sqlite3.Error, KeyError) as error:
            self.wrong("violations.sqlite", f"cannot be read: {error}")
            return
        for said, count in counts.items():
            self.note("violations.sqlite", f"{count} violations {said}")
        for path in left:
            self.wrong(path, "no violation of the store names this package")

    def soundness(self, connection):
        """Whether who lists the store by camera or day sees what a look at every row does."""
        odd = (
            "SELECT name FROM sqlite_master "
            "WHERE type NOT IN ('table', 'index') OR coalesce(rootpage, 0) = 0"
        )
        for (name,) in connection.execute(odd):
            self.wrong("violations.sqlite", f"holds {name}, a view, a trigger or no plain table")
        for (said,) in connection.execute("PRAGMA integrity_check(20)"):  # its indexes too
            if said != "ok":
                self.wrong("violations.sqlite", f"is damaged: {said}")
        unlisted = (
            "SELECT id FROM violations v "
            "WHERE (SELECT count(*) FROM sources s WHERE s.id = v.source_id) <> 1"
        )
        for (name,) in connection.execute(unlisted):
            self.wrong(f"violations.sqlite violation {name}", "is of no source, or of two")

    def evidence(self, run, row, left, path_of):
        """One record and the package it has, which is not left any more; what to count it as."""
        place = f"violations.sqlite violation {row['id']}"
        path, state, said = row["evidence_path"], row["evidence_state"], None
        record = (folder_name(str(row["camera_id"])), row["id"])
        if record in self.deleted:
            self.note(place, "is there, and its chain says that it was deleted")
            self.untold.discard(record)
        if state != "written":  # a run may have been stopped just then
            if path is not None or state not in ("pending", "failed"):
                self.wrong(place, f"is {state} and names the package {path}")
            path = path_of.get(row["id"])
            if path is None:
                return "have no package, so nothing seals them"
            said = "have a package and do not say so"
        if left.pop(path, None) is not None:
            self.row(run, path, row)
        elif path in self.packages or not self.newer(run, path):
            what = f"names the package {path}, which no chain knows or another row names"
            self.wrong(place, what)
        else:
            said = "were sealed while this was checked; check again"
        return said

    def newer(self, run, path):
        """Whether a package was sealed after its camera's chain was read, by a run that goes on."""
        parts = str(path).split("/")
        if len(parts) != 5 or parts[0] != "evidence" or {"", ".", ".."} & set(parts):
            return False
        seen = self.chains.get(parts[1], ([],))[0]
        before = seen[-1] if seen else "0" * 64
        chain = run / "evidence" / parts[1] / "chain.jsonl"
        try:
            seal = read_seal(run / path)
            lines = chain.read_bytes().split(b"\n") if chain.is_file() else []
            added = [parse_entry(line) for line in lines[len(seen) : seal["sequence"]]]
        except (OSError, FormatError):
            return False
        for entry in added:
            if entry["previous"] != before:
                return False
            before = sha256(canonical(entry))
        inside = seal["kind"] == "package" and seal["payload"]["path"] == "/".join(parts[2:])
        return inside and added[-1:] == [seal]

    def decisions(self, connection):
        """What people decided on records against the chains, and which records they deleted."""
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        left = dict(self.reviews)
        for camera, name, *found in connection.execute(
            "SELECT v.camera_id, v.id, r.state, r.reason, r.note, r.decided_by, r.decided_at, "
            "r.chain_entry FROM reviews r LEFT JOIN violations v ON v.id = r.violation_id"
            if "reviews" in tables
            else "SELECT 1 WHERE 0"
        ):
            entry = left.pop((folder_name(str(camera)), name), None)
            told = entry and [entry["payload"].get(k) for k in ("state", "reason", "note", "by")]
            if entry is None or [*told, entry["sealed_at"], entry["sequence"]] != found:
                place = f"violations.sqlite violation {name}"
                self.wrong(place, "is not reviewed as its chain says")
        for (_, name), entry in left.items():
            self.wrong(
                f"violations.sqlite violation {name}",
                f"lacks the decision of entry {entry['sequence']}",
            )
        if "deletions" in tables:
            deletions = "SELECT camera_id, violation_id FROM deletions"
            for camera, name in connection.execute(deletions):
                record = (folder_name(str(camera)), name)
                self.untold.discard(record)
                if record not in self.deleted:
                    self.wrong(
                        f"violations.sqlite violation {name}", "was deleted, which no chain says"
                    )
        for _, name in sorted(self.untold):
            place = f"violations.sqlite violation {name}"
            self.wrong(place, "its chain deleted it, and the store does not say so")

    def row(self, run, path, row):
        """One record and its package."""
        place = f"violations.sqlite violation {row['id']}"
        if not (run / path / "manifest.json").is_file():
            return  # told where the package was checked
        try:
            manifest = read_json((run / path / "manifest.json").read_bytes())
            sealed = manifest["violation"]
        except (OSError, FormatError, KeyError, TypeError):
            sealed = None
        if not isinstance(sealed, dict):
            return  # told where the package was checked
        try:
            document = read_json(row["document"])
        except FormatError as error:
            self.wrong(place, f"its document cannot be held against its manifest: {error}")
            return
        if not same(sealed, document) or sealed["id"] != row["id"]:
            self.wrong(place, "is not what its sealed manifest says")
        told = columns(sealed)
        problems = manifest.get("problems")
        if row["evidence_state"] == "written":
            listed = problems if isinstance(problems, list) else []
            told["evidence_message"] = "; ".join(map(str, listed))
        for column, expected in told.items():
            found = row.get(column, expected)  # older stores lack some
            if found != expected:
                self.wrong(place, f"its column {column} is {found}, sealed was {expected}")


def columns(violation):
    """What the store's columns of a violation must hold."""
    parts = {name: violation.get(name) for name in ("provenance", "measurement", "occurred_at")}
    parts = {name: part if isinstance(part, dict) else {} for name, part in parts.items()}
    told = {name: violation.get(name) for name in TOLD}
    told |= {name: parts["provenance"].get(name) for name in PROVENANCE}
    for column, names in MEASURED.items():
        known = [name for name in names if name in parts["measurement"]]
        told[column] = parts["measurement"][known[0]] if known else None
    at = parts["occurred_at"]
    told |= {f"occurred_at_{name}": at.get(name) for name in ("source", "bound_s")}
    return {**told, "occurred_at": stored_time(at.get("utc"))}


def stored_time(text):
    """A time as the store writes it, which sorts as text; what is no time stays as it is."""
    try:
        utc = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, TypeError):
        return text
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@contextlib.contextmanager
def quiet(chain):
    """Keeps a program that seals from writing, where the system can."""
    with contextlib.ExitStack() as stack:
        if fcntl is not None and chain.is_file():
            with contextlib.suppress(OSError):
                fcntl.flock(stack.enter_context(chain.open("rb")), fcntl.LOCK_SH)
        yield


def der(data, tag=None):
    """The first value of DER bytes: tag, contents, and what follows it."""
    length, at = data[1], 2
    if length >= 0x80:
        at = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:at], "big")
    if len(data) < at + length or tag not in (None, data[0]):
        raise FormatError("its DER is not that of a time stamp")
    return data[0], data[at : at + length], data[at + length :]


def stamped(data):
    """Hash name, hash and time of an RFC 3161 response (its sections 2.4.2; RFC 5652, 5.1)."""
    _, response, _ = der(data, 0x30)
    _, status, token = der(response, 0x30)
    _, granted, _ = der(status, 0x02)
    if int.from_bytes(granted, "big") > 1:
        raise FormatError("the authority refused")
    _, content, _ = der(token, 0x30)  # ContentInfo
    kind, signed = der(content, 0x06)[1:]
    if kind != bytes.fromhex("2a864886f70d010702"):
        raise FormatError("it holds no signed data")
    signed = der(der(signed, 0xA0)[1], 0x30)[1]
    _, _, rest = der(signed, 0x02)  # version
    _, _, rest = der(rest, 0x31)  # hashes
    _, content, _ = der(rest, 0x30)  # what is signed
    kind, wrapped = der(content, 0x06)[1:]
    if kind != bytes.fromhex("2a864886f70d0109100104"):
        raise FormatError("it signs something else")
    info = der(der(der(wrapped, 0xA0)[1], 0x04)[1], 0x30)[1]
    _, _, rest = der(info, 0x02)  # version
    _, _, rest = der(rest, 0x06)  # policy
    _, imprint, rest = der(rest, 0x30)
    _, algorithm, digest = der(imprint, 0x30)
    _, name, _ = der(algorithm, 0x06)
    _, digest, _ = der(digest, 0x04)
    _, _, rest = der(rest, 0x02)  # serial number
    _, time, _ = der(rest, 0x18)
    if name.hex() not in STAMP_HASHES:
        raise FormatError("it is of a hash that is not known here")
    return STAMP_HASHES[name.hex()], digest, time.decode("ascii")


def handed_over(entry, key):
    """Whether an entry of kind `key` leads from the key so far to its own."""
    steps = entry["payload"].get("handovers")
    if entry["kind"] != "key" or not isinstance(steps, list):
        return False
    for step in steps:
        if not isinstance(step, dict) or set(step) != HANDOVER_KEYS or step["old"] != key:
            return False
        if step["format"] != "traffic-ai key handover 1" or not signed_by(step, key):
            return False
        key = step["new"]
    return key == entry["public_key"]


# -- the command -----------------------------------------------------------------------------------


def public_keys(given):
    """Keys of a PEM file, or one as 64 hex digits."""
    if HEX64.fullmatch(given.lower()):
        return [given.lower()]
    pattern = rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----"
    blocks = re.findall(pattern, Path(given).read_bytes(), re.DOTALL)
    keys = [load_pem_public_key(block) for block in blocks]
    if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys):
        raise FormatError(f"{given} holds no Ed25519 public key")
    return [key.public_bytes_raw().hex() for key in keys]


def read_heads(path):
    """The heads of a file."""
    heads = [parse(line, HEAD_KEYS, "traffic-ai head 1") for line in path.read_bytes().splitlines()]
    if not heads:
        raise FormatError(f"{path} holds no head")
    for head in heads:
        texts = ("camera_id", "entry_sha256", "taken_at")
        key, signature = head["public_key"], head["signature"]
        if (
            type(head["sequence"]) is not int
            or not all(isinstance(head[name], str) for name in texts)
            or (key is None) != (signature is None)
            or not HEX64.fullmatch(head["entry_sha256"])
            or not (key is None or HEX64.fullmatch(str(key)))
            or not (signature is None or HEX128.fullmatch(str(signature)))
        ):
            raise FormatError(f"{path} holds a damaged head")
    return heads


def check(folder, trusted=(), heads=()):
    """Check a run folder or a package; the finished Check, or None where there is neither."""
    checked = Check(trusted, heads)
    cameras = folder / "evidence"
    is_run = (folder / "violations.sqlite").is_file() or (
        cameras.is_dir() and (bool(heads) or any(cameras.iterdir()))
    )
    # First of all: a package that holds an empty `evidence` would pass for a run without any.
    if (folder / "manifest.json").is_file() or (folder / "seal.json").is_file():
        if heads:
            raise FormatError("a head is held against a run folder, not against one package")
        checked.lone_package(folder)
    elif is_run:
        return settled(folder, trusted, heads)
    else:
        return None
    return checked


def settled(run, trusted, heads):
    """Check a run folder; again where a record was deleted from it meanwhile."""

    def deletions():
        chains = [p for p in (run / "evidence").glob("*/chain.jsonl") if p.is_file()]
        return sum(chain.read_bytes().count(b'"kind":"deletion"') for chain in chains)

    for last in (False, False, True):
        before, checked = deletions(), Check(trusted, heads)
        try:
            checked.run(run)
        except FileNotFoundError:
            if last or deletions() == before:
                raise
            continue
        if last or not checked.problems or deletions() == before:
            break
    return checked


def main():
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description="Check evidence of traffic-ai.")
    parser.add_argument("folder", type=Path, help="a run folder or a package")
    parser.add_argument(
        "--public-key", action="append", default=[], help="PEM file or 64 hex digits"
    )
    parser.add_argument("--head", action="append", default=[], type=Path, help="a deposited head")
    given = parser.parse_args()
    try:
        trusted = [key for one in given.public_key for key in public_keys(one)]
        heads = [head for path in given.head for head in read_heads(path)]
        checked = check(given.folder, trusted, heads)
    except (OSError, ValueError, FormatError) as error:
        parser.error(f"cannot check: {error}")
    if checked is None:
        parser.error(f"{given.folder} is neither a run folder nor a package")
    sys.stdout.reconfigure(errors="backslashreplace")
    for note in checked.notes:
        print(f"note: {printable(note)}")
    for problem in checked.problems:
        print(f"PROBLEM {printable(problem)}")
    print(f"{checked.package_count} packages, {len(checked.problems)} problems")
    sys.exit(1 if checked.problems else 0)


if __name__ == "__main__":
    main()
