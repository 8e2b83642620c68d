"""Time stamps of third parties (RFC 3161): what was stamped, when, and by whose word."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from traffic_ai.audit.verify_report import Report
from traffic_ai.core.errors import UsageError

# By object identifier, as a stamp names them.
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_GRANTED = (0, 1)  # granted, granted with modifications


def read_authorities(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises UsageError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the certificate {path} cannot be read: {error.strerror}") from error
    except ValueError:
        raise UsageError(f"{path} holds no certificate in PEM form") from None


def check_stamp(
    where: str,
    stamp: bytes,
    stamped: bytes,
    sealed_at: datetime,
    authorities: Sequence[x509.Certificate],
    report: Report,
) -> None:
    """Hold a stamp against what it is to be of; its signature too where authorities are known."""
    try:
        response = decode_timestamp_response(stamp)
        if response.status not in _GRANTED:
            report.accuse(where, "the authority refused to stamp", found=f"{response.status}")
            return
        info = response.tst_info
        imprint = info.message_imprint
        algorithm, found = imprint.hash_algorithm.dotted_string, imprint.message
        at = info.gen_time.astimezone(UTC)
    except ValueError as error:
        report.accuse(where, f"it is no time stamp: {error}")
        return
    if algorithm not in _HASHES:
        report.accuse(where, "it is of a hash that is not known here", found=algorithm)
        return
    digest = hashlib.new(_HASHES[algorithm], stamped).digest()
    if found != digest:
        report.accuse(where, "the time stamp is not of seal.json", digest.hex(), found.hex())
        return
    if authorities and (problem := _signature_problem(response, digest, authorities)):
        report.accuse(where, f"its signature is not one of the given authority: {problem}")
        return
    told = f"stamped at {at.isoformat()}"
    if at < sealed_at:
        told += f", {(sealed_at - at).total_seconds():.1f} s before the host's clock sealed it"
    if not authorities:
        told += "; whose word that is was not checked: give --stamp-authority"
    report.note(where, told)


def _signature_problem(
    response: TimeStampResponse, digest: bytes, authorities: Sequence[x509.Certificate]
) -> str:
    """Why the stamp is not by the authorities, at the time it tells; "" where it is."""
    verifier = VerifierBuilder(roots=list(authorities)).build()
    try:
        verifier.verify(response, digest)
    except (VerificationError, ValueError) as error:
        return str(error)
    return ""
