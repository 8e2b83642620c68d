"""Time stamps of third parties (RFC 3161): what was stamped, when, and by whose word."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from traffic_ai.core.errors import UsageError

# By object identifier, as a stamp names them.
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_GRANTED = (0, 1)  # granted, granted with modifications


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates that time stamps must lead to."""

    _certificates: tuple[Certificate, ...] = field(repr=False)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "Authorities":
        """Those of PEM files. Raises UsageError."""
        found: list[Certificate] = []
        for path in paths:
            try:
                found += load_pem_x509_certificates(path.read_bytes())
            except OSError as error:
                raise UsageError(
                    f"the certificate {path} cannot be read: {error.strerror}"
                ) from error
            except ValueError:
                raise UsageError(f"{path} holds no certificate in PEM form") from None
        return cls(tuple(found))

    def problem(self, stamp: "Stamp") -> str:
        """Why a stamp is not by one of them, at the time that it tells; "" where it is."""
        verifier = VerifierBuilder(roots=list(self._certificates)).build()
        try:
            verifier.verify(stamp.response, stamp.imprint)
        except (VerificationError, ValueError) as error:
            return str(error)
        return ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp as it was answered: the hash of what was stamped, by what algorithm, and when."""

    algorithm: str
    imprint: bytes
    at: datetime
    response: TimeStampResponse = field(repr=False)

    @classmethod
    def read(cls, data: bytes) -> "Stamp":
        """The stamp of an authority's answer. Raises ValueError saying why it is none."""
        response = decode_timestamp_response(data)
        if response.status not in _GRANTED:
            raise ValueError(f"the authority refused (status {response.status})")
        info = response.tst_info
        name = info.message_imprint.hash_algorithm.dotted_string
        if name not in _HASHES:
            raise ValueError(f"it is of a hash that is not known here ({name})")
        at = info.gen_time.astimezone(UTC)
        return cls(_HASHES[name], info.message_imprint.message, at, response)

    def is_of(self, data: bytes) -> bool:
        """Whether these are the bytes that were stamped."""
        return hashlib.new(self.algorithm, data).digest() == self.imprint
