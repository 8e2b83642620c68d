"""Encryption of pictures and clips in packages: only those with a reader's key see them.

Stands in the recorder, before hashing and sealing, so that what lies on the disk can be verified
without any reader's key. Files are in the format of age (age-encryption.org/v1): X25519, HKDF and
ChaCha20-Poly1305. Any program that reads that format opens them, without this project.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrage
from pyrage import x25519

from traffic_ai.core.errors import UsageError
from traffic_ai.evidence.package import process_runs

ENCRYPTED = ".age"
FORMAT = "age-encryption.org/v1"
READER_KEY_FILE = "reader.key"

_SECRET = "AGE-SECRET-KEY-"
_LARGEST_KEY_FILE_BYTES = 1 << 16
# A clip of the longest event at 50 Mbit/s, with room.
_ENOUGH_MEMORY_BYTES = 128 << 20
_MEMORY = Path("/dev/shm")
_SCRATCH = "traffic-ai-"


def checked_recipient(text: str) -> str:
    """A reader's public key as a site file names it. Raises ValueError saying why it is none."""
    if text.strip().upper().startswith(_SECRET):
        raise ValueError(
            "this is the reader's private key; put the public one here (it begins with age1), and "
            "make a new pair, for whoever can read this file has the private one now"
        )
    try:
        x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(
            f"{text!r} is no public key of a reader; `traffic-ai keys init-reader` makes one, "
            "which begins with age1"
        ) from None
    return text


def encrypt(data: bytes, recipients: Sequence[str]) -> bytes:
    """The data as an age file that each of the recipients can open by themselves."""
    return bytes(pyrage.encrypt(data, [x25519.Recipient.from_str(text) for text in recipients]))


@dataclass(frozen=True, slots=True)
class Reader:
    """Opens what was encrypted for any of some public keys."""

    public_keys: tuple[str, ...]
    _identities: tuple[x25519.Identity, ...] = field(repr=False, compare=False)

    def decrypt(self, data: bytes) -> bytes:
        """The plain data. Raises ValueError where it is damaged or for somebody else."""
        try:
            return bytes(pyrage.decrypt(data, list(self._identities)))
        except pyrage.DecryptError as error:
            raise ValueError(str(error)) from None


def make_reader(path: Path) -> Reader:
    """Make a reader's key in a file that nobody else can read. Raises UsageError."""
    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"# public key: {public}\n{identity}\n")
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise UsageError(
            f"{path} is there already, and what was encrypted for it needs it; name another "
            "file with --output"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot make the reader's key {path}: {error.strerror}") from error
    return Reader((public,), (identity,))


def load_reader(path: Path) -> Reader:
    """The reader of a key file, which may hold several keys, one a line. Raises UsageError."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_KEY_FILE_BYTES:
            raise UsageError(f"the reader's key {path} is no key file")
        if status.st_mode & 0o077:
            raise UsageError(
                f"the reader's key {path} may be used by others "
                f"(mode {status.st_mode & 0o777:04o}); chmod 600 {path}"
            )
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise UsageError(f"the reader's key {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"the reader's key {path} is no key file") from None
    identities = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            identities.append(x25519.Identity.from_str(line.strip()))
        except pyrage.IdentityError:  # its words are left out: they may quote the key
            raise UsageError(
                f"{path} line {number} is no reader's key; such a line begins with {_SECRET}1"
            ) from None
    if not identities:
        raise UsageError(f"{path} holds no reader's key")
    return Reader(tuple(str(i.to_public()) for i in identities), tuple(identities))


@contextmanager
def memory_folder(otherwise: Path) -> Iterator[Path]:
    """A folder whose files are in memory, for what may not reach the disk unencrypted.

    Below `otherwise` where this computer has no such place with room for a clip. Raises OSError.
    """
    _clear_scratch()
    with TemporaryDirectory(
        prefix=f"{_SCRATCH}{os.getpid()}-",
        dir=_MEMORY if _has_memory() else otherwise,
        ignore_cleanup_errors=True,
    ) as name:
        yield Path(name)


def _has_memory() -> bool:
    try:
        room = os.statvfs(_MEMORY)
    except OSError:
        return False
    return os.access(_MEMORY, os.W_OK) and room.f_bavail * room.f_frsize >= _ENOUGH_MEMORY_BYTES


def _clear_scratch() -> None:
    """Remove what killed processes left in memory."""
    for remains in _MEMORY.glob(f"{_SCRATCH}*-*"):
        if not process_runs(remains.name.split("-")[2]):
            shutil.rmtree(remains, ignore_errors=True)
