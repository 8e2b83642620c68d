"""The part of a site file that says who is told, and how long and how much is kept.

No decision rests on any of it, so it may be changed at any time.
"""

from typing import Annotated

from pydantic import Field

from traffic_ai.config.strict import StrictModel
from traffic_ai.config.values import ID_PATTERN, PlainText

Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Gigabytes = Annotated[float, Field(strict=True, gt=0, le=1_000_000)]


class KeptModel(StrictModel):
    """How long and how much of one kind is kept; what is older, or beyond it the oldest, goes."""

    days: Days | None = Field(None, description="Days. Default: for ever.")
    gb: Gigabytes | None = Field(
        None, description="Gigabytes of evidence packages (10^9 bytes). Default: no bound."
    )


class RetentionModel(StrictModel):
    """How long and how much is kept, by kind of violation.

    A running `traffic-ai watch` deletes by it, and `traffic-ai purge --expired`; each deletion
    leaves a signed entry.
    """

    red_light: KeptModel | None = Field(None, description="Both: {days: 365, gb: 50}.")
    stop_over_line: KeptModel | None = Field(None, description="Both: {days: 365, gb: 50}.")
    wrong_way: KeptModel | None = Field(None, description="Both: {days: 365, gb: 50}.")
    speeding: KeptModel | None = Field(None, description="Both: {days: 365, gb: 50}.")


class RetentionDaysModel(StrictModel):
    """For how many days records are kept, by kind: `retention` without a bound on size."""

    red_light: Days | None = Field(None, description="Days. Default: for ever.")
    stop_over_line: Days | None = Field(None, description="Days. Default: for ever.")
    wrong_way: Days | None = Field(None, description="Days. Default: for ever.")
    speeding: Days | None = Field(None, description="Days. Default: for ever.")


class MqttModel(StrictModel):
    """A broker that messages are published to."""

    broker: PlainText = Field(
        description="mqtts://HOST or mqtt://HOST, with :PORT where it is not 8883 or 1883. "
        "${VARIABLE}s are taken from the environment: mqtts://${USER}:${PASSWORD}@HOST."
    )
    prefix: PlainText = Field("traffic-ai", description="What every topic begins with.")
    client_id: PlainText | None = Field(
        None, description="Name at the broker. Default: made of this computer and the run folder."
    )
    ca_file: PlainText | None = Field(
        None,
        description="Certificates of the authorities that vouch for the broker (PEM), relative to "
        "this file. Default: those this computer trusts.",
    )


class WebhookModel(StrictModel):
    """An HTTP address that messages are posted to."""

    name: Annotated[str, Field(pattern=ID_PATTERN)] = Field(
        "webhook",
        description="Short name, unique among the webhooks; what waits is kept under it.",
    )
    url: PlainText = Field(
        description="https://... (http:// on a network that is trusted). ${VARIABLE}s are taken "
        "from the environment."
    )
    secret: PlainText = Field(
        description="${VARIABLE} of the environment that holds the key messages are signed with, "
        "at least 16 bytes."
    )
    ca_file: PlainText | None = Field(
        None,
        description="Certificates of the authorities that vouch for the receiver (PEM), relative "
        "to this file. Default: those this computer trusts.",
    )


class OutboxModel(StrictModel):
    """How much may wait for each destination; beyond it the oldest messages are dropped."""

    max_messages: Annotated[int, Field(strict=True, ge=10, le=10_000_000)] = Field(
        100_000, description="Messages."
    )
    max_mb: Annotated[int, Field(strict=True, ge=1, le=100_000)] = Field(
        500, description="Megabytes on the disk."
    )


class DeliveryModel(StrictModel):
    """Who is told of violations and cameras as things happen."""

    mqtt: MqttModel | None = Field(None, description="A broker that messages are published to.")
    webhooks: tuple[WebhookModel, ...] = Field(
        (), description="HTTP addresses that messages are posted to."
    )
    outbox: OutboxModel = Field(
        default_factory=lambda: OutboxModel.model_validate({}),
        description="How much may wait for each of them.",
    )
