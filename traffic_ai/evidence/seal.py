"""Entries of a camera's chain and heads of it, as bytes that can be hashed and signed.

An entry is one line of canonical JSON. Canonical here: what RFC 8785 makes of values that hold no
fractions; docs/evidence.md says it in full for those who write a verifier of their own.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

ENTRY_FORMAT = "traffic-ai seal 1"
HEAD_FORMAT = "traffic-ai head 1"
HANDOVER_FORMAT = "traffic-ai key handover 1"
# Kinds of entries that the chain itself knows; others may be added with payloads of their own.
PACKAGE_KIND = "package"
KEY_KIND = "key"
DELETION_KIND = "deletion"
REVIEW_KIND = "review"
READ_KIND = "read"
# What the first entry of a chain has in the place of its predecessor's hash.
NOTHING_BEFORE = "0" * 64

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]

_LARGEST_INT = 2**53 - 1  # what every JSON reader holds exactly
_TIME_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def canonical(value: Json) -> bytes:
    """The one form of a value: keys in order, no spaces, UTF-8. Raises ValueError for fractions,
    large numbers, keys that are not ASCII and text that UTF-8 cannot hold.
    """
    _check_plain(value)
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _check_plain(value: object) -> None:
    match value:
        case None | bool() | str():
            pass
        case int() if abs(value) <= _LARGEST_INT:
            pass
        case list():
            for item in value:
                _check_plain(item)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str) or not key.isascii():
                    raise ValueError(f"the key {key!r} is not ASCII")
                _check_plain(item)
        case _:
            raise ValueError(f"{value!r} has no canonical form")


def read_canonical(data: bytes) -> dict[str, Any]:
    """The object that canonical bytes stand for. Raises ValueError where they are not canonical."""
    try:
        value = json.loads(data)
        if canonical(value) != data:
            raise ValueError("it is not in canonical form")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def utc_text(moment: datetime) -> str:
    """A moment as entries write it: UTC, microseconds, Z."""
    return moment.astimezone(UTC).strftime(_TIME_FORM)


def utc_moment(text: str) -> datetime:
    """The moment of an entry's time. Raises ValueError for any other form."""
    moment = datetime.strptime(text, _TIME_FORM).replace(tzinfo=UTC)
    if utc_text(moment) != text:
        raise ValueError(f"the time {text!r} is not written as {_TIME_FORM}")
    return moment


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a camera's chain.

    sequence: from 1. previous: SHA-256 of the line before, without its newline. payload: what the
    kind says. clock: what was known of the host's clock. public_key: raw Ed25519 key in hex, which
    is the key's name too, with the signature in hex; both None where there was no key.
    """

    camera_id: str
    sequence: int
    previous: str
    kind: str
    payload: Mapping[str, Json]
    sealed_at: str
    clock: Mapping[str, Json]
    public_key: str | None = None
    signature: str | None = None

    @property
    def signed_bytes(self) -> bytes:
        """What is signed: the entry without its signature."""
        return canonical(_without_signature(self, ENTRY_FORMAT))

    @property
    def data(self) -> bytes:
        """The canonical bytes of the whole entry: its line without the newline."""
        return canonical(_whole(self, ENTRY_FORMAT))

    @property
    def sha256(self) -> str:
        """What the next entry names as `previous`."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def line(self) -> bytes:
        """The entry as it stands in the chain and in seal.json."""
        return self.data + b"\n"

    def with_signature(self, signature: str) -> Self:
        """The entry with its signature."""
        return replace(self, signature=signature)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The entry that a line (without its newline) holds. Raises ValueError saying why not."""
        value = read_canonical(data)
        _check_fields(value, cls, ENTRY_FORMAT)
        entry = cls(**value)
        if entry.sequence < 1:
            raise ValueError(f"its sequence is {entry.sequence}")
        _check_hex("previous", entry.previous, 64)
        _check_key(entry.public_key, entry.signature)
        utc_moment(entry.sealed_at)
        if entry.kind == PACKAGE_KIND:
            _check_package(entry.payload)
        return entry


def _check_package(payload: Mapping[str, Json]) -> None:
    path, sha256 = payload.get("path"), payload.get("manifest_sha256")
    if not isinstance(path, str) or not isinstance(sha256, str):
        raise ValueError("a package's entry has a path and a manifest_sha256")
    _check_hex("manifest_sha256", sha256, 64)


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain had come: deposited elsewhere, it shows when a tail is cut off later."""

    camera_id: str
    sequence: int
    entry_sha256: str
    taken_at: str
    public_key: str | None = None
    signature: str | None = None

    @property
    def signed_bytes(self) -> bytes:
        """What is signed: the head without its signature."""
        return canonical(_without_signature(self, HEAD_FORMAT))

    @property
    def line(self) -> bytes:
        """The head as a line of a head file."""
        return canonical(_whole(self, HEAD_FORMAT)) + b"\n"

    def with_signature(self, signature: str) -> Self:
        """The head with its signature."""
        return replace(self, signature=signature)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The head that a line (without its newline) holds. Raises ValueError saying why not."""
        value = read_canonical(data)
        _check_fields(value, cls, HEAD_FORMAT)
        head = cls(**value)
        _check_hex("entry_sha256", head.entry_sha256, 64)
        _check_key(head.public_key, head.signature)
        return head


@dataclass(frozen=True, slots=True)
class Handover:
    """A key's last word: which key signs from now on. Public; part of the entry of kind "key"."""

    old: str
    new: str
    made_at: str
    signature: str | None = None

    @property
    def signed_bytes(self) -> bytes:
        """What the old key signs."""
        return canonical(_without_signature(self, HANDOVER_FORMAT))

    @property
    def json(self) -> dict[str, Json]:
        """The handover as it stands in a payload."""
        return _whole(self, HANDOVER_FORMAT)

    def with_signature(self, signature: str) -> Self:
        """The handover with its signature."""
        return replace(self, signature=signature)

    @classmethod
    def read(cls, value: object) -> Self:
        """The handover that a payload holds. Raises ValueError saying why not."""
        if not isinstance(value, dict):
            raise ValueError("a handover is a JSON object")
        value = dict(value)
        _check_fields(value, cls, HANDOVER_FORMAT)
        handover = cls(**value)
        _check_key(handover.old, handover.signature)
        _check_hex("new", handover.new, 64)
        return handover


_Signed = Entry | Head | Handover


def _whole(value: _Signed, form: str) -> dict[str, Json]:
    made: dict[str, Any] = {f.name: getattr(value, f.name) for f in fields(value)}
    for name in ("payload", "clock"):
        if name in made:
            made[name] = dict(made[name])
    return {"format": form, **made}


def _without_signature(value: _Signed, form: str) -> dict[str, Json]:
    made = _whole(value, form)
    del made["signature"]
    return made


_TYPES: Mapping[str, tuple[type, ...]] = {
    "sequence": (int,),
    "payload": (dict,),
    "clock": (dict,),
    "public_key": (str, type(None)),
    "signature": (str, type(None)),
}


def _check_fields(value: dict[str, Any], cls: type[_Signed], form: str) -> None:
    """Check names and types and take the format off."""
    if value.get("format") != form:
        raise ValueError(f"its format is {value.get('format')!r}, not {form!r}")
    del value["format"]
    wanted = {field.name for field in fields(cls)}
    if set(value) != wanted:
        odd = ", ".join(sorted(set(value) ^ wanted))
        raise ValueError(f"its fields are not those of {form!r}: {odd}")
    for name, item in value.items():
        if type(item) not in _TYPES.get(name, (str,)):
            raise ValueError(f"its {name} is {item!r}")


def _check_hex(name: str, text: str, digits: int) -> None:
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text):
        raise ValueError(f"its {name} is {text!r}, not {digits} hex digits")


def _check_key(public_key: str | None, signature: str | None) -> None:
    if (public_key is None) != (signature is None):
        raise ValueError("of public key and signature it has one only")
    if public_key is not None and signature is not None:
        _check_hex("public key", public_key, 64)
        _check_hex("signature", signature, 128)
