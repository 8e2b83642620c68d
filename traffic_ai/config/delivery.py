"""What a site file says of delivery and retention, as the rest of the program gets it, and what can
be wrong with it.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from traffic_ai.config.notes import Notes
from traffic_ai.config.problems import KeyPath, looks_like_url, show
from traffic_ai.config.schema import SiteModel
from traffic_ai.config.schema_delivery import DeliveryModel
from traffic_ai.config.source import missing_variables, password_in_file, resolve
from traffic_ai.core.violation import ViolationKind

MQTT_NAME = "mqtt"
_SCHEMES = {"broker": ("mqtts", "mqtt"), "url": ("https", "http")}
_ONE_VARIABLE = re.compile(r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")
_LOOPBACK = re.compile(r"^(localhost|127\.[0-9.]+|\[::1\])(:|/|$)")


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker. `_url` still names its variables."""

    _url: str = field(repr=False)
    prefix: str
    client_id: str | None
    ca_file: Path | None

    @property
    def url(self) -> str:
        """The address, secrets included. Raises ConfigError where a variable is not set."""
        return resolve(self._url, Path(), os.environ, "delivery.mqtt.broker")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP receiver. `_url` and `_secret` still name their variables."""

    name: str
    _url: str = field(repr=False)
    _secret: str = field(repr=False)
    ca_file: Path | None

    @property
    def url(self) -> str:
        """The address, secrets included. Raises ConfigError where a variable is not set."""
        return resolve(self._url, Path(), os.environ, f"url of the webhook {self.name!r}")

    @property
    def secret(self) -> str:
        """What messages are signed with. Raises ConfigError where the variable is not set."""
        return resolve(self._secret, Path(), os.environ, f"secret of the webhook {self.name!r}")


@dataclass(frozen=True, slots=True)
class DeliverySite:
    """Who is told, and how much may wait for each. Two are equal where they say the same."""

    broker: Broker | None = None
    webhooks: tuple[Webhook, ...] = ()
    max_messages: int = 0
    max_bytes: int = 0

    @classmethod
    def of(cls, model: DeliveryModel | None, folder: Path) -> "DeliverySite":
        """Of a validated model; nobody without one."""
        if model is None:
            return cls()

        def file(name: str | None) -> Path | None:
            return None if name is None else folder / name

        mqtt = model.mqtt
        return cls(
            None
            if mqtt is None
            else Broker(mqtt.broker, mqtt.prefix, mqtt.client_id, file(mqtt.ca_file)),
            tuple(Webhook(w.name, w.url, w.secret, file(w.ca_file)) for w in model.webhooks),
            model.outbox.max_messages,
            model.outbox.max_mb * 1_000_000,
        )


NOBODY = DeliverySite()


@dataclass(frozen=True, slots=True)
class Kept:
    """How long and how much of a kind is kept; None for no bound."""

    days: int | None = None
    size_bytes: int | None = None


def retention_of(site: SiteModel) -> Mapping[ViolationKind, Kept]:
    """How long and how much is kept, of those kinds that have a bound."""
    found = {}
    for kind in ViolationKind:
        kept = getattr(site.retention, kind.value)
        days = getattr(site.retention_days, kind.value)
        size = None
        if kept is not None:
            days = kept.days if kept.days is not None else days
            size = None if kept.gb is None else int(kept.gb * 1e9)
        if days is not None or size is not None:
            found[kind] = Kept(days, size)
    return found


def check_keeping(site: SiteModel, folder: Path, notes: Notes) -> None:
    """What is wrong in `delivery` and `retention`."""
    for kind in ViolationKind:
        kept = getattr(site.retention, kind.value)
        twice = kept is not None and kept.days is not None
        if twice and getattr(site.retention_days, kind.value) is not None:
            message = f"the days of {kind.value} are given in retention too"
            notes.error(("retention_days", kind.value), message, "keep one of them")
    delivery = site.delivery
    if delivery is None:
        return
    at: KeyPath = ("delivery",)
    if delivery.mqtt is None and not delivery.webhooks:
        notes.warn(at, "nobody is named here", "name mqtt or webhooks, or remove it")
    if delivery.mqtt is not None:
        _check_url(delivery.mqtt.broker, (*at, "mqtt", "broker"), notes)
        if re.search(r"[+#\s]|^[$/]|/$", prefix := delivery.mqtt.prefix):
            message = f"{show(prefix)} cannot begin a topic"
            hint = "leave out +, #, blanks, and $ or / at its ends"
            notes.error((*at, "mqtt", "prefix"), message, hint)
        _check_ca(delivery.mqtt.ca_file, folder, (*at, "mqtt", "ca_file"), notes)
    _check_names([w.name for w in delivery.webhooks], at, notes)
    for index, webhook in enumerate(delivery.webhooks):
        here = (*at, "webhooks", index)
        _check_url(webhook.url, (*here, "url"), notes)
        _check_ca(webhook.ca_file, folder, (*here, "ca_file"), notes)
        _check_secret(webhook.secret, (*here, "secret"), notes)


def _check_names(names: Sequence[str], at: KeyPath, notes: Notes) -> None:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        here = (*at, "webhooks", index, "name")
        if name == MQTT_NAME:
            notes.error(here, f"the name {name!r} is the broker's", "give another")
        if name in seen:
            message = f"the name {name!r} is already used by webhooks[{seen[name]}]"
            notes.error(here, message, "give each its own")
        seen.setdefault(name, index)


def _check_url(url: str, at: KeyPath, notes: Notes) -> None:
    safe, bare = _SCHEMES[str(at[-1])]
    hint = f"write {safe}://HOST, or {bare}://HOST on a network that is trusted"
    scheme, has_scheme, rest = url.partition("://")
    _warn_missing(url, at, notes)
    if url.startswith("${"):
        return
    if not has_scheme or scheme.lower() not in (safe, bare):
        shown = f"{scheme}://" if has_scheme and scheme.isalnum() else "what stands here"
        notes.error(at, f"{shown} is not an address that messages go to", hint)
        return
    if password_in_file(url):
        message = "a password stands in the site file"
        notes.warn(at, message, f"put it in the environment: {safe}://${{USER}}:${{PASSWORD}}@")
    host = rest.rpartition("@")[2] if "@" in rest.partition("/")[0] else rest
    if scheme.lower() == bare and not _LOOPBACK.match(host):
        message = "messages, and any password, go over the network for anyone to read"
        notes.warn(at, message, f"write {safe}://")


def _check_secret(secret: str, at: KeyPath, notes: Notes) -> None:
    if not _ONE_VARIABLE.match(secret):
        message = "a secret does not stand in a site file"
        notes.error(at, message, "put it in the environment, and here the variable: ${HOOK_SECRET}")
        return
    _warn_missing(secret, at, notes)


def _warn_missing(text: str, at: KeyPath, notes: Notes) -> None:
    for name in missing_variables(text, os.environ):
        message = f"the environment variable {name} is not set here"
        notes.warn(at, message, f"export {name}=... before messages are sent")


def _check_ca(name: str | None, folder: Path, at: KeyPath, notes: Notes) -> None:
    if name is not None and not looks_like_url(name) and not (folder / name).is_file():
        message = f"there is no file {show(name)}"
        notes.error(at, message, f"paths are relative to {folder}")
