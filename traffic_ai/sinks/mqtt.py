"""Messages to an MQTT broker (3.1.1, QoS 1): a message counts as delivered when the broker says so.

Topics below a prefix: `available` (retained, with a last will), `violations`, `CAMERA/status`
(retained), `stats` (retained).
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.message import Message, MessageKind
from traffic_ai.core.ports import Receipt
from traffic_ai.sinks.address import Address, tls_context

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S = 30
_CONNECT_S = 5.0
_ANSWER_S = 10.0
"""A broker that is connected and acknowledges nothing for so long is given up."""
_REFUSALS = (4, 5, 134, 135)
"""Answers to a connection: user or password are wrong, or may not."""


class MqttSink:
    """One broker. Connects when there is something to say and stays connected.

    client_id: the same for every start of the same watch, so that a broker ends what is left of the
    last one. Raises ConfigError where the address or the certificates cannot be used, or the extra
    `mqtt` is not installed.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        prefix: str = "traffic-ai",
        ca_file: Path | None = None,
    ) -> None:
        try:
            import paho.mqtt.client  # noqa: F401
        except ImportError:
            raise ConfigError(
                "messages by MQTT need the extra `mqtt`; pip install 'traffic-ai[mqtt]'"
            ) from None
        self._address = Address.of(url, PORTS)
        self._tls = tls_context(ca_file) if self._address.scheme == "mqtts" else None
        self._client_id = client_id
        self._prefix = prefix
        self._client: Client | None = None
        self._changed = threading.Condition()
        self._acknowledged: set[int] = set()
        self._answer: int | None = None
        self._lost = ""

    def send(self, messages: Mapping[int, Message]) -> Receipt:
        """Publish messages in order and wait until the broker has taken each."""
        if self._client is not None and self._lost:
            self._drop()
        if self._client is None and (receipt := self._connect()).trouble:
            return receipt
        return self._publish(messages)

    def tell(self, stats: str) -> None:
        """Publish how all is, if the broker is there."""
        if self._client is not None and not self._lost:
            # Said again, as the last will of a connection long broken may come late.
            self._client.publish(self._topic("available"), "online", qos=1, retain=True)
            self._client.publish(self._topic("stats"), stats, qos=0, retain=True)

    def close(self) -> None:
        """Say that nothing more comes, and disconnect."""
        if self._client is None:
            return
        if not self._lost:
            said = self._client.publish(self._topic("available"), "offline", qos=1, retain=True)
            with contextlib.suppress(ValueError, RuntimeError):
                said.wait_for_publish(2.0)
        self._drop()

    # --------------------------------------------------------------------------------------------

    def _topic(self, *parts: str) -> str:
        return "/".join((self._prefix, *parts))

    def _connect(self) -> Receipt:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=MQTTv311,
            reconnect_on_failure=False,  # a new connection is a new client: what it has not taken
            # is in the outbox
        )
        client.connect_timeout = _CONNECT_S
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(self._topic("available"), "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._acknowledged.clear()
        self._answer, self._lost = None, ""
        try:
            client.connect(self._address.host, self._address.port, _KEEPALIVE_S)
        except (OSError, ValueError) as error:
            return Receipt(trouble=self._said(_reason(error)))
        self._client = client
        client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None or self._lost, _CONNECT_S)
            answer, lost = self._answer, self._lost
        if answer == 0 and not lost:
            client.publish(self._topic("available"), "online", qos=1, retain=True)
            return Receipt()
        self._drop()
        if answer is None:
            return Receipt(trouble=self._said(lost or f"does not answer within {_CONNECT_S:.0f} s"))
        refused = answer in _REFUSALS
        why = "refuses the user or password" if refused else f"refuses (code {answer})"
        return Receipt(trouble=self._said(why), is_refusal=refused)

    def _publish(self, messages: Mapping[int, Message]) -> Receipt:
        assert self._client is not None
        sent: dict[int, int] = {}
        with self._changed:
            # Numbers are used again after 65,535: what was acknowledged long ago must not count.
            self._acknowledged.clear()
        for number, message in messages.items():
            is_state = message.kind is MessageKind.CAMERA
            place = (message.camera_id, "status") if is_state else ("violations",)
            info = self._client.publish(
                self._topic(*place), message.body.encode(), qos=1, retain=is_state
            )
            sent[info.mid] = number
        if self._wait_for(set(sent)):
            return Receipt(frozenset(sent.values()))
        with self._changed:
            delivered = {number for mid, number in sent.items() if mid in self._acknowledged}
            why = self._lost or f"acknowledged nothing for {_ANSWER_S:.0f} s"
        self._drop()
        return Receipt(frozenset(delivered), trouble=self._said(why))

    def _wait_for(self, mids: set[int]) -> bool:
        """Wait for acknowledgements, as long as they keep coming; whether all came."""
        until_s = time.monotonic() + _ANSWER_S
        with self._changed:
            while not mids <= self._acknowledged:
                before = len(self._acknowledged)
                if self._lost or time.monotonic() > until_s:
                    return False
                self._changed.wait(max(0.0, until_s - time.monotonic()))
                if len(self._acknowledged) > before:
                    until_s = time.monotonic() + _ANSWER_S
        return True

    def _drop(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _said(self, why: str) -> str:
        return self._address.without_secrets(f"the broker {self._address.shown} {why}")

    # In paho's thread ---------------------------------------------------------------------------

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        with self._changed:
            self._answer = int(reason.value)
            self._changed.notify_all()

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any
    ) -> None:
        with self._changed:
            self._lost = f"is lost ({str(reason).lower()})"
            self._changed.notify_all()

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _more: Any) -> None:
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that does not hold: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"does not answer within {_CONNECT_S:.0f} s"
    if isinstance(error, socket.gaierror):
        return "is not known by that name"
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
