"""The shape of a site file: which keys there are, what they take and what they mean.

Third step of reading a site file. The descriptions here are what an editor shows, what the JSON
Schema in `docs/site.schema.json` holds and what a message about a missing key says. What needs
more than one key to judge (references, geometry) is in `checks` and `needs`.
"""

from typing import Annotated, Literal

from pydantic import Field

from traffic_ai.config.schema_delivery import (
    DeliveryModel,
    RetentionDaysModel,
    RetentionModel,
)
from traffic_ai.config.schema_rules import RulesModel
from traffic_ai.config.strict import StrictModel
from traffic_ai.config.values import (
    GroundPoint,
    Id,
    ImageBox,
    ImagePoint,
    LonLat,
    Moment,
    PictureSize,
    PlainText,
    Polygon,
    Polyline,
    ReaderKey,
    RoadUserLabel,
    Segment,
    SpeedLimit,
)


class CoordinatesModel(StrictModel):
    """The unit of every image coordinate of this camera."""

    unit: Literal["fraction", "pixels"] = Field(
        "fraction",
        description="fraction: 0 to 1 of the picture's width and height, good for any picture "
        "size. pixels: of a picture of reference_size, scaled to the size that arrives.",
    )
    reference_size: PictureSize | None = Field(
        None,
        description="[width, height] of the picture the pixels were read in, such as [1280, 720].",
    )


class CalibrationPointModel(StrictModel):
    """One point of the road surface whose place is known."""

    image: ImagePoint = Field(description="Where it is in the picture, [x, y].")
    ground_m: GroundPoint | None = Field(
        None,
        description="Where it is on the road, [x, y] in metres, y to the left of x seen from above "
        "(east and north, or right and forward).",
    )
    lon_lat: LonLat | None = Field(
        None, description="Where it is on a map: [longitude, latitude] in degrees, 7 decimals."
    )


class DistanceModel(StrictModel):
    """A surveyed distance between two points of the road surface."""

    image: Segment = Field(description="The two points in the picture, [[x, y], [x, y]].")
    distance_m: Annotated[float, Field(strict=True, gt=0, le=10_000)] = Field(
        description="Metres between them on the road."
    )
    along: Annotated[bool, Field(strict=True)] | None = Field(
        None,
        description="true: the distance runs along the road, false: across it, left out: neither.",
    )


class CalibrationModel(StrictModel):
    """How the picture maps to the road: at least four points, or surveyed distances."""

    points: tuple[CalibrationPointModel, ...] | None = Field(
        None, description="Four or more points of the road surface with known places."
    )
    distances: tuple[DistanceModel, ...] | None = Field(
        None,
        description="Instead of points: surveyed distances along and across the road, such as the "
        "pitch of lane markings and the width of lanes.",
    )
    image_sigma_px: Annotated[float, Field(strict=True, gt=0, le=100)] = Field(
        1.5, description="How exactly the points were clicked: standard deviation, pixels."
    )
    ground_sigma_m: Annotated[float, Field(strict=True, ge=0, le=100)] = Field(
        0.05, description="How exactly they were surveyed: standard deviation, metres."
    )
    valid_area: Polygon | None = Field(
        None,
        description="The part of the picture where the calibration may be used, a polygon. "
        "Default: the hull of the points, grown by a tenth.",
    )


class LampsModel(StrictModel):
    """One signal head: a box around all its lamps, or the lamps one by one."""

    head: ImageBox | None = Field(
        None, description="Box around all lamps of the head: [left, top, right, bottom]."
    )
    layout: Literal["vertical", "horizontal"] = Field(
        "vertical", description="Lamps above each other (red on top) or beside (red left)."
    )
    swapped: Annotated[bool, Field(strict=True)] = Field(
        False, description="true where red is at the bottom or on the right."
    )
    red: ImageBox | None = Field(None, description="Box of the red lamp, instead of head.")
    yellow: ImageBox | None = Field(None, description="Box of the yellow lamp, instead of head.")
    green: ImageBox | None = Field(None, description="Box of the green lamp, instead of head.")


class FeedModel(StrictModel):
    """A recorded controller log that says what the signal group showed."""

    csv: PlainText = Field(description="The log file, relative to the site file.")
    group: PlainText | None = Field(
        None, description="The group's name in the log. Default: the id of the signal group."
    )


class SignalGroupModel(StrictModel):
    """Signal heads that always show the same; or a controller log."""

    id: Id = Field(description="Short name, lower case, unique among the camera's groups.")
    lamps: tuple[LampsModel, ...] | None = Field(
        None, description="The heads of this group that the camera sees."
    )
    feed: FeedModel | None = Field(None, description="Instead of lamps: a recorded controller log.")


class LaneModel(StrictModel):
    """A strip of road with one direction of travel."""

    id: Id = Field(description="Short name, lower case, unique among the camera's lanes.")
    polygon: Polygon = Field(
        description="The lane's corners in order, [[x, y], [x, y], [x, y], ...]."
    )
    direction: Polyline = Field(
        description="A line inside the lane in the direction of travel, [[x, y], [x, y]]; more "
        "points where the lane bends."
    )
    speed_limit_kmh: SpeedLimit | None = Field(None, description="Speed limit, km/h.")
    speed_limit_by_class_kmh: dict[RoadUserLabel, SpeedLimit] = Field(
        default_factory=dict, description="Other limits for some classes, such as {truck: 60}."
    )
    classes: tuple[RoadUserLabel, ...] | None = Field(
        None, description="Who is judged in this lane. Default: all vehicles."
    )


class StopLineModel(StrictModel):
    """Where vehicles must stop at red."""

    id: Id = Field(description="Short name, lower case, unique among the camera's stop lines.")
    line: Segment = Field(description="The near edge of the stop line, [[x, y], [x, y]].")
    lanes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Ids of the lanes that end at it; they give the direction of crossing."
    )
    signal_group: str | None = Field(
        None, description="Id of the signal group that these lanes obey."
    )
    beyond_line: Segment | None = Field(
        None,
        description="A second line inside the junction that a violator passes too. Needed by "
        "red_light where the camera has no calibration.",
    )
    permitted_exits: tuple[Polygon, ...] = Field(
        (),
        description="Areas through which turning vehicles leave legally on red, polygons.",
    )


class SpeedSectionModel(StrictModel):
    """Two lines across the road a surveyed distance apart: speed without a calibration."""

    id: Id = Field(description="Short name, lower case, unique among the camera's sections.")
    lanes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Ids of the lanes measured here."
    )
    entry: Segment = Field(description="The line crossed first, [[x, y], [x, y]].")
    exit: Segment = Field(description="The line crossed second, [[x, y], [x, y]].")
    length_m: Annotated[float, Field(strict=True, ge=1, le=10_000)] = Field(
        description="Surveyed metres between the two lines."
    )
    length_sigma_m: Annotated[float, Field(strict=True, ge=0, le=100)] = Field(
        0.1, description="How exactly that was surveyed: standard deviation, metres."
    )


class CameraModel(StrictModel):
    """One camera and what it sees."""

    id: Id = Field(
        description="Short name, lower case letters, digits, - and _; unique in the file. Folders "
        "and records are named by it."
    )
    name: PlainText | None = Field(None, description="Name for people. Default: the id.")
    source: PlainText | None = Field(
        None,
        description="A video file, relative to this file, or rtsp://... ${VARIABLE} in a URL is "
        "taken from the environment, so that passwords stay out of this file.",
    )
    recordings: PlainText | None = Field(
        None,
        description='Which recordings are of this camera, by file name: "cam1_*.mp4" (* and ?). '
        "The first camera whose pattern matches takes it. Default: those that no other takes.",
    )
    start_time: Moment | None = Field(
        None,
        description='When the recording began, with offset: "2026-03-02T08:00:00+01:00".',
    )
    start_time_pattern: PlainText | None = Field(
        None,
        description='Where the start stands in the file name: "cam1_%Y%m%d%H%M%S" (strptime).',
    )
    time_zone: str = Field(
        "UTC", description="Time zone of the camera's place, such as Europe/Berlin."
    )
    coordinates: CoordinatesModel = Field(
        default_factory=lambda: CoordinatesModel.model_validate({}),
        description="Unit of the image coordinates below.",
    )
    detection_regions: tuple[ImageBox, ...] = Field(
        (),
        description="Parts of the picture that the detector looks at closely, besides the whole: "
        "boxes [left, top, right, bottom] round the lanes far away.",
    )
    detection_area: Literal["picture", "road"] = Field(
        "picture",
        description='What the detector looks at: "picture" all of it; "road" only where lanes, '
        "lines, exits and the calibrated area need it, where that is clearly less.",
    )
    calibration: CalibrationModel | None = Field(
        None, description="How the picture maps to the road. Speeds in metres need it."
    )
    signal_groups: tuple[SignalGroupModel, ...] = Field(
        (), description="The signals these lanes obey."
    )
    lanes: tuple[LaneModel, ...] = Field((), description="The lanes watched.")
    stop_lines: tuple[StopLineModel, ...] = Field((), description="The stop lines watched.")
    speed_sections: tuple[SpeedSectionModel, ...] = Field(
        (), description="Pairs of lines a surveyed distance apart."
    )
    rules: RulesModel = Field(
        default_factory=lambda: RulesModel.model_validate({}), description="Which rules run."
    )


class EvidenceModel(StrictModel):
    """How evidence packages are kept. No decision rests on it, so it may be changed at any time."""

    encrypt_for: tuple[ReaderKey, ...] = Field(
        (),
        description="Public keys of readers (age1...): pictures and clips of new packages are "
        "encrypted, and each of these can open them. Default: they lie unencrypted.",
    )
    min_free_mb: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = Field(
        500,
        description="`watch` records no evidence while the disk has less free than this, MB; "
        "what is left is for the records.",
    )


class SiteModel(StrictModel):
    """A site file: one or several cameras."""

    version: Literal[1] = Field(description="Version of this format: 1.")
    cameras: Annotated[tuple[CameraModel, ...], Field(min_length=1)] = Field(
        description="The cameras of this site."
    )
    retention: RetentionModel = Field(
        default_factory=lambda: RetentionModel.model_validate({}),
        description="How long and how much is kept, by kind of violation.",
    )
    retention_days: RetentionDaysModel = Field(
        default_factory=lambda: RetentionDaysModel.model_validate({}),
        description="The same for days alone, such as {speeding: 90}.",
    )
    evidence: EvidenceModel = Field(
        default_factory=lambda: EvidenceModel.model_validate({}),
        description="How evidence packages are kept.",
    )
    delivery: DeliveryModel | None = Field(
        None, description="Who is told of violations and cameras as things happen."
    )
