"""What is told to others of violations and cameras: messages, kept in the store's outbox until they
are delivered.

A message holds no picture and no track, only what was measured and where the evidence lies.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from traffic_ai.core.violation import Violation, document


class MessageKind(StrEnum):
    """What a message is about."""

    VIOLATION = "violation"
    CAMERA = "camera"


class MessageType(StrEnum):
    """NEW: a record was made; UPDATE: something of it changed; END: it was deleted."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `id` is its own and stays the same however often it is sent.

    The message that a violation was found has the violation's id. `subject`: the violation's id, or
    the camera's. `body`: one line of JSON, an object with at least `type`, `id` (the subject of a
    violation's message) and `camera_id`.
    """

    id: str
    kind: MessageKind
    type: MessageType
    camera_id: str
    subject: str
    at: datetime
    body: str


def violation_found(violation: Violation, at: datetime) -> Message:
    """A violation was recorded; its evidence is still to come."""
    record = document(violation)
    del record["trajectory"], record["track_id"]
    return _of_violation(
        violation.id,
        MessageType.NEW,
        violation.id,
        violation.camera_id,
        at,
        violation=record,
        evidence={"state": "pending", "path": None, "message": ""},
    )


def violation_changed(
    violation_id: str, camera_id: str, at: datetime, what: str, change: dict[str, Any]
) -> Message:
    """Something of a record is otherwise now. what: `evidence` or `review`, and its present state
    under the key `state`.
    """
    own_id = f"{violation_id}-{what}-{change['state']}-{at.timestamp():.6f}"
    return _of_violation(own_id, MessageType.UPDATE, violation_id, camera_id, at, **{what: change})


def violation_deleted(violation_id: str, camera_id: str, at: datetime) -> Message:
    """A record was deleted: whoever was told of it should forget it too."""
    own_id = f"{violation_id}-deleted"
    return _of_violation(own_id, MessageType.END, violation_id, camera_id, at)


def camera_changed(camera_id: str, state: str, detail: str, at: datetime) -> Message:
    """A camera's state is another now."""
    fields = {"state": state, "detail": detail}
    own_id = f"{camera_id}-{state}-{at.timestamp():.6f}"
    body = _line(type=MessageType.UPDATE, id=own_id, camera_id=camera_id, at=at, **fields)
    return Message(own_id, MessageKind.CAMERA, MessageType.UPDATE, camera_id, camera_id, at, body)


def _of_violation(
    own_id: str,
    type_: MessageType,
    violation_id: str,
    camera_id: str,
    at: datetime,
    **fields: object,
) -> Message:
    body = _line(type=type_, id=violation_id, camera_id=camera_id, at=at, **fields)
    return Message(own_id, MessageKind.VIOLATION, type_, camera_id, violation_id, at, body)


def _line(**fields: object) -> str:
    made = json.dumps(document(fields), ensure_ascii=False, separators=(",", ":"))
    return made.encode("utf-8", "backslashreplace").decode()
