"""Addresses of receivers, taken apart once; what is secret in them shows in no representation."""

import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.redact import redact


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver listens. `target`: path and query."""

    scheme: str
    host: str
    port: int
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    target: str = field(repr=False)
    url: str = field(repr=False)

    @classmethod
    def of(cls, url: str, ports: dict[str, int]) -> "Address":
        """The address of a URL whose scheme is one of `ports`, each with its usual port.

        Raises ConfigError, which tells nothing of the URL but its scheme.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigError("an address that messages go to has an odd port; check it") from None
        if parts.scheme not in ports:
            raise ConfigError(
                f"{parts.scheme or 'what was given'!r} is not an address of {_schemes(ports)}"
            )
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ConfigError(
                f"an address of {parts.scheme}:// holds signs that none has; percent-encode them"
            )
        if not parts.hostname:
            raise ConfigError(f"an address names no host; write {parts.scheme}://HOST")
        return cls(
            parts.scheme,
            parts.hostname,
            port or ports[parts.scheme],
            None if parts.username is None else unquote(parts.username),
            None if parts.password is None else unquote(parts.password),
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            url,
        )

    @property
    def shown(self) -> str:
        """Scheme, host and port: a path may hold a secret that nothing marks as one."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def without_secrets(self, text: str) -> str:
        """A text that may quote this address, without its secrets."""
        return redact(text, self.url)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that checks who answers: by the computer's authorities, or by those of a file.

    Raises ConfigError.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{ca_file} holds no certificates of authorities ({error.strerror or error}); "
            "give a PEM file"
        ) from None


def _schemes(known: Collection[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in known)
