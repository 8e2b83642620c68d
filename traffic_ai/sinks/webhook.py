"""Messages to an HTTP address: CloudEvents 1.0 (structured JSON), signed as Standard Webhooks are.

A message counts as delivered when the receiver answers 2xx. No redirect is followed.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from traffic_ai import __version__
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.message import Message
from traffic_ai.core.ports import Receipt
from traffic_ai.sinks.address import Address, tls_context

PORTS = {"https": 443, "http": 80}
LEAST_SECRET = 16
_TIMEOUT_S = 10.0
_BUSY_S = 15.0
"""After so long, what is left of the messages waits for the next round."""
_LONGEST_ANSWER = 65_536
_LONGEST_WAIT_S = 3600.0
# What is said of the message itself; any other refusal is of the address, and all must wait.
_NEVER_THIS_ONE = frozenset({400, 413, 414, 415, 422, 431})
_LATER = frozenset({408, 421, 423, 425, 429})


class WebhookSink:
    """One HTTP address. Raises ConfigError where address, secret or certificates cannot be used."""

    def __init__(
        self,
        url: str,
        secret: str,
        ca_file: Path | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address = Address.of(url, PORTS)
        self._key = _key(secret)
        self._tls = tls_context(ca_file) if self._address.scheme == "https" else None
        self._timeout_s = timeout_s
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None

    def send(self, messages: Mapping[int, Message]) -> Receipt:
        """Post messages one after another, until one finds no receiver."""
        delivered: set[int] = set()
        refused: dict[int, str] = {}
        began_s = time.monotonic()
        for number, message in messages.items():
            try:
                status, wait_s, place = self._post(message)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                why = _reason(error, self._timeout_s)
                return self._receipt(delivered, refused, why)
            if 200 <= status < 300:
                delivered.add(number)
            elif status in _NEVER_THIS_ONE:
                refused[number] = f"answered {status}"
            else:
                later = status in _LATER or status >= 500
                why = f"answered {status}" + (f", to be found at {place}" if place else "")
                return self._receipt(delivered, refused, why, not later, wait_s)
            if time.monotonic() - began_s > _BUSY_S:
                break
        if not messages:
            self.close()  # a connection that lies idle is closed by the other side, unnoticed
        return Receipt(frozenset(delivered), refused)

    def tell(self, stats: str) -> None:
        """Nothing: a receiver is told of events only."""

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --------------------------------------------------------------------------------------------

    def _receipt(
        self,
        delivered: set[int],
        refused: Mapping[int, str],
        why: str,
        is_refusal: bool = False,
        wait_s: float = 0.0,
    ) -> Receipt:
        said = self._address.without_secrets(f"the receiver {self._address.shown} {why}")
        return Receipt(frozenset(delivered), refused, said, is_refusal, wait_s)

    def _post(self, message: Message) -> tuple[int, float, str]:
        """Post a message; the answer's status, how long to wait, and where it points to."""
        body = cloud_event(message)
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": f"traffic-ai/{__version__}",
            **signature_headers(self._key, message.id, int(self._clock()), body),
            **self._credentials(),
        }
        fresh = self._connection is None
        try:
            return self._exchange(body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if fresh:
                raise
            return self._exchange(body, headers)  # the receiver had closed an idle connection

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float, str]:
        if self._connection is None:
            self._connection = self._connected()
        self._connection.request("POST", self._address.target, body, dict(headers))
        answer = self._connection.getresponse()
        answer.read(_LONGEST_ANSWER)
        # Only where: a path may hold a secret.
        place = answer.getheader("Location", "") if 300 <= answer.status < 400 else ""
        place = "/".join(place.partition("?")[0].split("/")[:3])
        wait_s = _retry_after(answer.getheader("Retry-After"), self._clock())
        if not answer.isclosed():
            self.close()  # there is more than anybody needs to read
        return answer.status, wait_s, self._address.without_secrets(place)

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)

    def _credentials(self) -> dict[str, str]:
        if self._address.user is None:
            return {}
        pair = f"{self._address.user}:{self._address.password or ''}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def cloud_event(message: Message) -> bytes:
    """The message as a CloudEvent in JSON."""
    event = {
        "specversion": "1.0",
        "id": message.id,
        "source": f"/traffic-ai/cameras/{message.camera_id}",
        "type": f"traffic-ai.{message.kind.value}.{message.type.value}",
        "subject": message.subject,
        "time": message.at.isoformat(),
        "datacontenttype": "application/json",
        "data": json.loads(message.body),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def signature_headers(key: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: id, time and HMAC-SHA256 of `id.time.body`."""
    signed = f"{message_id}.{at_s}.".encode() + body
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{digest}",
    }


def _key(secret: str) -> bytes:
    """The bytes of a secret: what follows `whsec_` is base64, anything else is taken as it is."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError("what follows whsec_ in a webhook's secret is no base64") from None
    if len(key) < LEAST_SECRET:
        raise ConfigError(
            f"a webhook's secret has {len(key)} bytes; give at least {LEAST_SECRET}, such as of "
            "`openssl rand -hex 32`"
        )
    return key


def _retry_after(value: str | None, now_s: float) -> float:
    """How long a receiver asks to be left alone: seconds, or a date."""
    if value is None:
        return 0.0
    try:
        wait_s = (
            float(value)
            if value.strip().isdigit()
            else (parsedate_to_datetime(value).timestamp() - now_s)
        )
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


def _reason(error: Exception, timeout_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that does not hold: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout_s:.0f} s"
    if isinstance(error, socket.gaierror):
        return "is not known by that name"
    if isinstance(error, http.client.HTTPException):
        return f"answers no HTTP ({type(error).__name__})"
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
