"""Signing keys: one private key in the user's own configuration folder, and who it took over from.

The private key is read at the start of a command, and again where it was rotated under way; it goes
into no store, run folder, message or log. A public key's name is its 32 raw bytes in hex.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from traffic_ai.core.errors import UsageError
from traffic_ai.evidence.seal import Handover, canonical, read_canonical, utc_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "signing.pem"
NEXT_KEY_FILE = "signing.pem.next"
HANDOVERS_FILE = "handovers.jsonl"
FOLDER_VARIABLE = "TRAFFIC_AI_KEYS"

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one key. `taken_over`: by new key, how it took over from the one before.

    folder: where the key is from; None for a key of no folder.
    """

    public_key: str
    _private: "Ed25519PrivateKey" = field(repr=False, compare=False)
    taken_over: Mapping[str, Handover] = field(default_factory=dict, repr=False)
    folder: Path | None = field(default=None, repr=False)

    def sign(self, data: bytes) -> str:
        """The signature in hex."""
        return self._private.sign(data).hex()

    def handovers_from(self, old: str) -> list[Handover] | None:
        """The handovers that lead from an older key to this one, None where none do."""
        steps: list[Handover] = []
        at = self.public_key
        while at != old:
            step = self.taken_over.get(at)
            if step is None or step in steps:
                return None
            steps.insert(0, step)
            at = step.old
        return steps

    def successor(self) -> "Signer | None":
        """The signer of the key that this one handed over to since it was read; None if none.

        None too where the folder cannot be read any more: what is found then is still signed.
        """
        if self.folder is None:
            return None
        try:
            present = load_signer(self.folder)
        except UsageError:
            return None
        if present is None or not present.handovers_from(self.public_key):
            return None
        return present

    def known_keys(self) -> list[str]:
        """This key and those it took over from, the newest first."""
        keys = [self.public_key]
        while (step := self.taken_over.get(keys[-1])) is not None and step.old not in keys:
            keys.append(step.old)
        return keys


def short_name(public_key: str) -> str:
    """A public key as people are shown it."""
    return public_key[:16]


def signature_holds(public_key: str, signature: str, data: bytes) -> bool:
    """Whether a signature (hex) of a key (hex) is of these bytes."""
    from traffic_ai.evidence import ed25519

    return ed25519.signature_holds(public_key, signature, data)


def keys_folder(given: Path | None = None) -> Path:
    """Where the keys are: as given, else by TRAFFIC_AI_KEYS, else in the configuration folder."""
    if given is not None:
        return given
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    configuration = os.environ.get("XDG_CONFIG_HOME")
    base = Path(configuration) if configuration else Path.home() / ".config"
    return base / "traffic-ai" / "keys"


def load_signer(folder: Path) -> Signer | None:
    """The signer of a key folder, None where it holds no key. Raises UsageError for a key that
    cannot be used or that others may read.
    """
    path = folder / KEY_FILE
    if not path.exists():
        return None
    from traffic_ai.evidence import ed25519

    private = _read_private(path)
    return Signer(ed25519.public_hex(private), private, _read_handovers(folder), folder)


def make_key(folder: Path) -> Signer:
    """Make the first key of a folder. Raises UsageError where there is one."""
    from traffic_ai.evidence import ed25519

    path = folder / KEY_FILE
    if path.exists():
        raise UsageError(f"{path} is there already; replace it with `traffic-ai keys rotate`")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = ed25519.new_private()
        _write_private(path, private)
    except OSError as error:
        raise UsageError(f"cannot make a key in {folder}: {error.strerror}") from error
    return Signer(ed25519.public_hex(private), private, _read_handovers(folder), folder)


def rotate_key(folder: Path, now: datetime | None = None) -> Signer:
    """Make a new key that the old one hands over to; the old private key is removed.

    Killed in between, the old key goes on being the key and rotating again is safe.
    """
    from traffic_ai.evidence import ed25519

    old = load_signer(folder)
    if old is None:
        raise UsageError(f"there is no key in {folder}; make one with `traffic-ai keys init`")
    private = ed25519.new_private()
    new = ed25519.public_hex(private)
    handover = Handover(old.public_key, new, utc_text(now or datetime.now(UTC)))
    handover = handover.with_signature(old.sign(handover.signed_bytes))
    waiting = folder / NEXT_KEY_FILE
    try:
        waiting.unlink(missing_ok=True)
        _write_private(waiting, private)
        _add_handover(folder / HANDOVERS_FILE, handover)
        waiting.replace(folder / KEY_FILE)
    except OSError as error:
        raise UsageError(f"cannot rotate the key in {folder}: {error.strerror}") from error
    return Signer(new, private, {**old.taken_over, new: handover}, folder)


def public_pem(public_key: str) -> str:
    """A public key as PEM, for openssl and others."""
    from traffic_ai.evidence import ed25519

    return ed25519.public_pem(public_key)


def read_public_keys(given: str) -> list[str]:
    """The public keys of a PEM file (one or more), or one key as 64 hex digits."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", given):
        return [given.lower()]
    from traffic_ai.evidence import ed25519

    path = Path(given)
    try:
        blocks = _PEM.findall(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"the public key {given!r} is neither 64 hex digits nor a file that can be read "
            f"({error.strerror})"
        ) from error
    keys = []
    for block in blocks:
        try:
            key = ed25519.public_hex_of_pem(block)
        except ValueError as error:
            raise UsageError(f"{path} holds a damaged public key") from error
        if key is None:
            raise UsageError(f"{path} holds a key that is not an Ed25519 key")
        keys.append(key)
    if not keys:
        raise UsageError(
            f"{path} holds no public key; `traffic-ai keys export-public` writes such a file"
        )
    return keys


def _read_private(path: Path) -> "Ed25519PrivateKey":
    from traffic_ai.evidence import ed25519

    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(f"the key {path} is not a file")
        if mode & 0o077:
            raise UsageError(
                f"the key {path} may be used by others (mode {mode & 0o777:04o}); "
                f"if nobody has read it: chmod 600 {path}; else rotate it"
            )
        key = ed25519.private_of_pem(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}") from error
    except ValueError:
        raise UsageError(
            f"the key {path} is damaged or has a password; restore it from its backup, "
            "or move it away and make another with `traffic-ai keys init`"
        ) from None
    if key is None:
        raise UsageError(f"the key {path} is not an Ed25519 key")
    return key


def _write_private(path: Path, private: "Ed25519PrivateKey") -> None:
    """A new file that nobody else can read, at no moment."""
    from traffic_ai.evidence import ed25519

    data = ed25519.private_pem(private)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _add_handover(path: Path, handover: Handover) -> None:
    """Add a line; the file appears whole or as it was."""
    before = path.read_bytes() if path.exists() else b""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as stream:
        stream.write(before + canonical(handover.json) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _read_handovers(folder: Path) -> dict[str, Handover]:
    path = folder / HANDOVERS_FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        try:
            handover = Handover.read(read_canonical(line))
        except ValueError as error:
            raise UsageError(f"{path} line {number} is damaged: {error}") from None
        found[handover.new] = handover
    return found
