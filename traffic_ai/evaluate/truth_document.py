"""Reads truth: what the simulator writes, or what a person noted down of real footage.

The format is `traffic-ai-truth/2`; docs/evaluation.md describes it. A document without the
simulator's `seed` is taken for hand-made, and keys that are not known are refused there.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from traffic_ai.core.errors import UsageError
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.fields import Fields
from traffic_ai.evaluate.truth import TrueVehicle, TrueViolation, Truth

FORMAT = "traffic-ai-truth/2"
_TOP_KEYS = frozenset(
    {
        "format",
        "name",
        "note",
        "camera_id",
        "duration_s",
        "kinds",
        "violations",
        "t_s",
        "stamps_s",
        "camera",
        "vehicles",
    }
)
_CAMERA_KEYS = frozenset({"position_m", "width_px", "height_px"})
_VEHICLE_KEYS = frozenset(
    {"id", "class", "lane", "deed", "note", "first_frame", "box_px", "visible", "ground_m"}
)
_VIOLATION_KEYS = frozenset(
    {
        "kind",
        "t_s",
        "until_s",
        "tolerance_s",
        "vehicle",
        "class",
        "lane",
        "certain",
        "box_px",
        "note",
        "signal_group",
        "front_crosses_s",
        "rear_crosses_s",
        "time_into_red_s",
        "red_onset_s",
        "onset_s",
        "front_over_line_m",
        "stands_from_s",
        "stands_until_s",
        "driven_m",
        "speed_kmh",
        "limit_kmh",
    }
)


def read_truth(path: Path) -> Truth:
    """The truth of a file; raises UsageError with the value that is wrong and what to do."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read the truth {path}: {error.strerror}; check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the truth {path} is not JSON: {error}") from None
    try:
        return truth_of(document, name=path.stem)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def truth_of(document: object, name: str = "") -> Truth:
    """The truth of a document of format traffic-ai-truth/2. Raises UsageError."""
    top = Fields.of(document, "the truth")
    given = top.values.get("format")
    if given != FORMAT:
        known = "missing" if given is None else repr(given)
        raise UsageError(f"format is {known}; this version reads {FORMAT!r}: make the truth anew")
    hand_made = not top.has("seed")
    if hand_made:
        top.refuse_unknown(_TOP_KEYS)
    vehicles = _vehicles(top, hand_made)
    true_s, stamp_s = _frames(top, vehicles)
    violations = _violations(top, {vehicle.id for vehicle in vehicles}, hand_made)
    if len(true_s) > 1:
        violations = [_in_video_time(one, true_s, stamp_s) for one in violations]
    duration_s = top.number("duration_s")
    if duration_s <= 0.0:
        raise UsageError(f"duration_s is {duration_s}; it must be more than 0")
    camera = _camera(top, hand_made)
    return Truth(
        name=_name(top, name),
        camera_id=top.text("camera_id", "") or None,
        duration_s=duration_s,
        kinds=_kinds(top),
        violations=tuple(violations),
        vehicles=tuple(vehicles),
        stamp_s=stamp_s,
        true_s=true_s,
        camera_m=_camera_m(camera),
        picture_px=_picture_px(camera),
    )


def _name(top: Fields, name: str) -> str:
    """The scenario's name, with the seed where there is one."""
    base = top.text("name", name)
    return f"{base} #{top.whole('seed')}" if top.has("seed") else base


def _kinds(top: Fields) -> frozenset[ViolationKind]:
    if not top.has("kinds"):
        return frozenset(ViolationKind)
    return frozenset(_kind(value, f"kinds[{i}]") for i, value in enumerate(top.items("kinds")))


def _kind(value: object, at: str) -> ViolationKind:
    try:
        return ViolationKind(str(value))
    except ValueError:
        known = ", ".join(ViolationKind)
        raise UsageError(f"{at} is {value!r}; it must be one of {known}") from None


def _camera(top: Fields, hand_made: bool) -> Fields:
    camera = Fields.of(top.values["camera"] if top.has("camera") else {}, "camera")
    if hand_made:
        camera.refuse_unknown(_CAMERA_KEYS)
    return camera


def _camera_m(camera: Fields) -> Array | None:
    if not camera.has("position_m"):
        return None
    place_m = camera.rows("position_m", 0)
    if len(place_m) < 2:
        raise UsageError(f"position_m of camera is {place_m.tolist()}; it must be [x, y] or more")
    return place_m[:2]


def _picture_px(camera: Fields) -> tuple[int, int] | None:
    if not camera.has("width_px"):
        return None
    return camera.whole("width_px"), camera.whole("height_px")


def _frames(top: Fields, vehicles: list[TrueVehicle]) -> tuple[Array, Array]:
    """True moments and stamps of the frames; empty where no vehicles are known."""
    if not vehicles:
        return np.zeros(0), np.zeros(0)
    true_s = top.rows("t_s", 0)
    stamp_s = top.rows("stamps_s", 0) if top.has("stamps_s") else true_s
    if len(true_s) < 2 or len(stamp_s) != len(true_s):
        raise UsageError(
            f"t_s has {len(true_s)} moments and stamps_s {len(stamp_s)}; "
            "with vehicles, each frame needs its moment"
        )
    for key, moments in (("t_s", true_s), ("stamps_s", stamp_s)):
        if not (np.diff(moments) > 0.0).all():
            raise UsageError(f"{key} does not increase throughout; put the frames in order")
    last = max(vehicle.first_frame + len(vehicle) for vehicle in vehicles)
    if last > len(true_s):
        raise UsageError(f"a vehicle is in frame {last - 1}, but t_s ends at {len(true_s) - 1}")
    return true_s, stamp_s


def _vehicles(top: Fields, hand_made: bool) -> list[TrueVehicle]:
    given = [Fields.of(v, f"vehicles[{i}]") for i, v in enumerate(top.items("vehicles"))]
    found: dict[int, TrueVehicle] = {}
    for fields in given:
        if hand_made:
            fields.refuse_unknown(_VEHICLE_KEYS)
        vehicle = _vehicle(fields)
        if vehicle.id in found:
            raise UsageError(f"id of {fields.at} is {vehicle.id}, which another has")
        found[vehicle.id] = vehicle
    return list(found.values())


def _vehicle(fields: Fields) -> TrueVehicle:
    """What is not said: all of it is seen where it has a box, and its place on the road is not
    known.
    """
    road_user = _road_user(fields)
    box_px = fields.rows("box_px", 4)
    if not len(box_px):
        raise UsageError(f"box_px of {fields.at} is missing or empty; it needs one a frame")
    turned = box_px[(box_px[:, 2:] < box_px[:, :2]).any(axis=1)]
    if len(turned):
        raise UsageError(
            f"box_px of {fields.at} has {turned[0].tolist()}; it must be [left, top, right, bottom]"
        )
    visible = (~np.isnan(box_px[:, 0])).astype(float)
    if fields.has("visible"):
        visible = np.nan_to_num(fields.rows("visible", 0))
    ground_m = np.full((len(box_px), 2), np.nan)
    if fields.has("ground_m"):
        ground_m = fields.rows("ground_m", 2)
    for key, values in (("visible", visible), ("ground_m", ground_m)):
        if len(values) != len(box_px):
            raise UsageError(
                f"{key} of {fields.at} has {len(values)} entries and box_px {len(box_px)}; "
                "each needs one a frame it is there"
            )
    return TrueVehicle(
        id=fields.whole("id"),
        road_user=road_user,
        lane_id=fields.text("lane", ""),
        deed=fields.text("deed", ""),
        first_frame=fields.whole("first_frame"),
        box_px=box_px,
        visible=visible,
        ground_m=ground_m,
    )


def _road_user(fields: Fields) -> str:
    label = fields.text("class", "")
    if label:
        try:
            RoadUser.from_label(label)
        except KeyError:
            known = ", ".join(user.label for user in RoadUser)
            raise UsageError(
                f"class of {fields.at} is {label!r}; it must be one of {known}"
            ) from None
    return label


def _violations(top: Fields, vehicle_ids: set[int], hand_made: bool) -> list[TrueViolation]:
    given = [Fields.of(v, f"violations[{i}]") for i, v in enumerate(top.items("violations"))]
    if hand_made:
        for fields in given:
            fields.refuse_unknown(_VIOLATION_KEYS)
            vehicle = fields.whole("vehicle") if fields.has("vehicle") else None
            if vehicle_ids and vehicle is not None and vehicle not in vehicle_ids:
                raise UsageError(
                    f"vehicle of {fields.at} is {vehicle}, which is not among vehicles"
                )
    return [_violation(fields, vehicle_ids) for fields in given]


def _violation(fields: Fields, vehicle_ids: set[int]) -> TrueViolation:
    kind = _kind(fields.values.get("kind"), f"kind of {fields.at}")
    t_s, until_s, standing_s = _times(fields, kind)
    vehicle = fields.whole("vehicle") if fields.has("vehicle") else None
    # A vehicle of which nothing was ever in the picture is not among them; nobody can report it.
    unseen = bool(vehicle_ids) and vehicle is not None and vehicle not in vehicle_ids
    if fields.has("tolerance_s") and fields.number("tolerance_s") < 0.0:
        raise UsageError(f"tolerance_s of {fields.at} is {fields.number('tolerance_s')}, below 0")
    return TrueViolation(
        kind=kind,
        t_s=t_s,
        until_s=until_s,
        vehicle=None if unseen else vehicle,
        road_user=_road_user(fields),
        lane_id=fields.text("lane", ""),
        certain=fields.flag("certain", True) and not unseen,
        tolerance_s=fields.optional("tolerance_s"),
        box_px=_box(fields),
        time_into_red_s=_time_into_red(fields) if kind is ViolationKind.RED_LIGHT else None,
        standing_s=standing_s,
        over_line_m=fields.optional("front_over_line_m"),
        driven_m=fields.optional("driven_m"),
        speed_kmh=fields.optional("speed_kmh") if kind is ViolationKind.SPEEDING else None,
        limit_kmh=fields.optional("limit_kmh"),
    )


def _times(fields: Fields, kind: ViolationKind) -> tuple[float, float, float | None]:
    """Begin and end, and how long it stood for a stop over the line."""
    t_s = fields.number("t_s")
    until_s = fields.number("until_s") if fields.has("until_s") else t_s
    standing_s = None
    if kind is ViolationKind.STOP_OVER_LINE and fields.has("stands_from_s"):
        t_s = fields.number("stands_from_s")
        until_s = fields.number("stands_until_s") if fields.has("stands_until_s") else until_s
        standing_s = until_s - t_s if fields.has("stands_until_s") else None
    if until_s < t_s:
        raise UsageError(f"{fields.at} ends at {until_s} s, before it begins at {t_s} s")
    return t_s, until_s, standing_s


def _time_into_red(fields: Fields) -> float | None:
    if not fields.has("time_into_red_s") and fields.has("red_onset_s"):
        return fields.number("t_s") - fields.number("red_onset_s")
    return fields.optional("time_into_red_s")


def _box(fields: Fields) -> tuple[float, float, float, float] | None:
    if not fields.has("box_px"):
        return None
    box = fields.rows("box_px", 0)
    if box.shape != (4,) or not (box[2] > box[0] and box[3] > box[1]):
        raise UsageError(
            f"box_px of {fields.at} is {fields.values['box_px']}; it must be "
            "[left, top, right, bottom] in pixels"
        )
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _in_video_time(true: TrueViolation, true_s: Array, stamp_s: Array) -> TrueViolation:
    """The same violation with its times as the video tells them; beyond its ends by the offset."""

    def stamp(t_s: float) -> float:
        inside = min(max(t_s, float(true_s[0])), float(true_s[-1]))
        return float(np.interp(inside, true_s, stamp_s)) + t_s - inside

    return replace(true, t_s=stamp(true.t_s), until_s=stamp(true.until_s))
