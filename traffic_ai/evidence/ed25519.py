"""Ed25519 signatures, by the package cryptography: keys as PEM and as 32 raw bytes in hex.

What it loads is for those who sign and who check: imported where that is done, not before.
"""

import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def new_private() -> Ed25519PrivateKey:
    """A new private key."""
    return Ed25519PrivateKey.generate()


def private_of_pem(pem: bytes) -> Ed25519PrivateKey | None:
    """A private key, None where it is one of another kind.

    Raises ValueError where it is damaged or has a password, without the library's words: they may
    quote what it read.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise ValueError("damaged, or has a password") from None
    return key if isinstance(key, Ed25519PrivateKey) else None


def private_pem(private: Ed25519PrivateKey) -> bytes:
    """A private key as PEM, not encrypted."""
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_hex(private: Ed25519PrivateKey) -> str:
    """The public key of a private one, in hex."""
    return private.public_key().public_bytes_raw().hex()


def public_hex_of_pem(pem: bytes) -> str | None:
    """A public key in hex, None where it is one of another kind. Raises ValueError."""
    try:
        key = serialization.load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    return key.public_bytes_raw().hex() if isinstance(key, Ed25519PublicKey) else None


def public_pem(public_key: str) -> str:
    """A public key (hex) as PEM, for openssl and others."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def signature_holds(public_key: str, signature: str, data: bytes) -> bool:
    """Whether a signature (hex) of a key (hex) is of these bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True
