"""Classes: which of a network's outputs are road users."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.errors import UnusableModelError
from traffic_ai.core.road_user import RoadUser

COCO_CLASS_COUNT = 80
_COCO = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
# What other public vehicle data sets call the same road users.
_OTHER_NAMES = {
    "pedestrian": RoadUser.PERSON,
    "people": RoadUser.PERSON,
    "bike": RoadUser.BICYCLE,
    "rider": RoadUser.PERSON,
    "cyclist": RoadUser.BICYCLE,
    "motorbike": RoadUser.MOTORCYCLE,
    "motorcyclist": RoadUser.MOTORCYCLE,
    "motor": RoadUser.MOTORCYCLE,
    "scooter": RoadUser.MOTORCYCLE,
    "van": RoadUser.CAR,
    "lorry": RoadUser.TRUCK,
}


@dataclass(frozen=True, slots=True)
class ClassColumns:
    """The road users among a network's classes.

    columns: int64 (K,), the network's class numbers; road_users: int64 (K,), the `RoadUser` of
    each; count: how many classes the network has in all.
    """

    columns: NDArray[np.int64]
    road_users: NDArray[np.int64]
    count: int


def class_columns(names: Mapping[int, str] | None, count: int, where: str) -> ClassColumns:
    """The road users among `count` classes, by name; without names the order of COCO is taken.

    Raises ModelError when no class is a road user.
    """
    names = _COCO if names is None else names
    found = {i: user for i, name in names.items() if (user := _road_user(name)) is not None}
    found = {i: user for i, user in sorted(found.items()) if 0 <= i < count}
    if not found:
        some = ", ".join(sorted(names.values())[:8])
        wanted = ", ".join(user.label for user in RoadUser)
        raise UnusableModelError(
            f"{where}: no class is a road user (has {some}); wanted any of {wanted}"
        )
    return ClassColumns(
        np.array(list(found), np.int64), np.array(list(found.values()), np.int64), count
    )


def parse_names(text: str | None) -> dict[int, str] | None:
    """Class names from an export's metadata, a Python dict or list literal; None if unreadable."""
    if not text:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return None
    return {i: name for i, name in value.items() if isinstance(i, int) and isinstance(name, str)}


def _road_user(name: str) -> RoadUser | None:
    word = name.strip().lower()
    try:
        return RoadUser.from_label(word)
    except KeyError:
        return _OTHER_NAMES.get(word)
