"""A reader of age files written from their specification, for what the program writes to be read
by something that shares no code with it: C2SP, age-encryption.org/v1.
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK = 64 * 1024
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def unpadded(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def private_bytes(identity):
    """The 32 bytes of AGE-SECRET-KEY-1... (Bech32, BIP 173; its checksum is left unlooked at)."""
    digits = [BECH32.index(c) for c in identity.lower().rpartition("1")[2][:-6]]
    number = 0
    for digit in digits:
        number = number << 5 | digit
    return (number >> (5 * len(digits)) % 8).to_bytes(32, "big")


def decrypt(data, identity):
    """The plain bytes of an age file for an X25519 identity."""
    private = X25519PrivateKey.from_private_bytes(private_bytes(identity))
    public = private.public_key().public_bytes_raw()
    mark = data.index(b"\n---") + 4
    end = data.index(b"\n", mark)
    lines = data[:mark].split(b"\n")
    assert lines[0] == b"age-encryption.org/v1"
    file_key = None
    for number, line in enumerate(lines):
        if not line.startswith(b"-> X25519 "):
            continue
        share = unpadded(line.split(b" ")[2])
        secret = private.exchange(X25519PublicKey.from_public_bytes(share))
        wrap = hkdf(secret, share + public, b"age-encryption.org/v1/X25519")
        try:
            wrapped = unpadded(lines[number + 1])
            file_key = ChaCha20Poly1305(wrap).decrypt(bytes(12), wrapped, None)
        except Exception:  # of another recipient
            continue
    assert file_key is not None, "it is for somebody else"
    mac = hmac.new(hkdf(file_key, b"", b"header"), data[:mark], hashlib.sha256).digest()
    assert mac == unpadded(data[mark:end].strip())
    nonce, rest = data[end + 1 : end + 17], data[end + 17 :]
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    plain = b""
    chunks = [rest[at : at + CHUNK + 16] for at in range(0, len(rest), CHUNK + 16)]
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        plain += cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), chunk, None)
    return plain
