"""What the detector makes of drawn pictures: one sample for every vehicle in every picture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.rendering.scenes import detection_regions_px
from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import VEHICLES, RoadUser
from traffic_ai.detectors.regions import RegionDetector, SizedDetector
from traffic_ai.detectors.riders import RiderDetector
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.draw.renderer import Renderer
from traffic_ai.simulate.world import World

CONFIDENCE = 0.25
LEAST_IOU = 0.5


@dataclass(frozen=True)
class Sample:
    """A vehicle in a picture: exact box, and the detected one, NaN where there is none."""

    world: str
    detector: str
    kind: str
    model: str
    vehicle: int
    view: str
    t_s: float
    distance_m: float
    exact_px: Floats
    inside: float
    visible: float
    detected_px: Floats
    confidence: float
    label: int


def detectors(weights: SizedDetector, world: World) -> dict[str, RiderDetector]:
    """The product's detector on the whole picture, and with regions at native size."""
    regions = detection_regions_px(world.camera)
    return {
        "whole": RiderDetector(RegionDetector(weights)),
        "regions": RiderDetector(RegionDetector(weights, regions)),
    }


def samples(world: World, weights: SizedDetector, kinds: dict[str, str]) -> Iterator[Sample]:
    """Every vehicle of every picture, once for each detector. kinds: of models."""
    renderer, views = Renderer(world), detectors(weights, world)
    for index, t_s in enumerate(world.timing.t_s.tolist()):
        drawn = renderer.draw(index)
        for name, detector in views.items():
            found = _sure(detector.detect(drawn.picture))
            yield from _matched(world, name, t_s, drawn.visible, found, kinds)


def false_boxes(world: World, weights: SizedDetector) -> dict[str, int]:
    """How many road users each detector sees in the first picture of a world without any."""
    picture = Renderer(world).draw(0).picture
    return {
        name: len(_sure(detector.detect(picture)))
        for name, detector in detectors(weights, world).items()
    }


def _sure(found: Detections) -> Detections:
    return found.select(found.confidence >= CONFIDENCE)


def _matched(
    world: World,
    detector: str,
    t_s: float,
    visible: Mapping[int, float],
    found: Detections,
    kinds: dict[str, str],
) -> Iterator[Sample]:
    """Vehicles with their detections, best overlap first."""
    vehicles = [vehicle for vehicle in world.present(t_s) if vehicle.id in visible]
    boxes, insides = [], []
    for vehicle in vehicles:
        exact = exact_box_px(vehicle.body, vehicle.course.poses(np.array([t_s])), world.camera)
        boxes.append(exact.xyxy_px[0])
        insides.append(float(exact.inside[0]))
    usable = np.isin(found.class_id, [int(user) for user in VEHICLES])
    pairs = _pairs(np.array(boxes).reshape(-1, 4), found.xyxy_px, usable)
    for number, vehicle in enumerate(vehicles):
        if insides[number] <= 0:
            continue
        pose = vehicle.course.poses(np.array([t_s]))
        away_m = pose.middle_m[0] - np.asarray(world.camera.position_m)[:2]
        ahead = np.array([np.sin(pose.heading_rad[0]), np.cos(pose.heading_rad[0])])
        match = pairs.get(number)
        hit = match is not None
        yield Sample(
            world=world.name,
            detector=detector,
            kind=kinds[vehicle.body.model],
            model=vehicle.body.model,
            vehicle=vehicle.id,
            view="rear" if float(ahead @ away_m) > 0 else "front",
            t_s=t_s,
            distance_m=float(np.linalg.norm(away_m)),
            exact_px=boxes[number],
            inside=insides[number],
            visible=visible[vehicle.id],
            detected_px=found.xyxy_px[match].astype(float) if hit else np.full(4, np.nan),
            confidence=float(found.confidence[match]) if hit else 0.0,
            label=int(found.class_id[match]) if hit else -1,
        )


def _pairs(exact_px: Floats, found_px: Floats, usable: Bools) -> dict[int, int]:
    """Which detection belongs to which vehicle."""
    if not len(exact_px) or not len(found_px):
        return {}
    low = np.maximum(exact_px[:, None, :2], found_px[None, :, :2])
    high = np.minimum(exact_px[:, None, 2:], found_px[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (exact_px, found_px)]
    overlap = both / (areas[0][:, None] + areas[1][None] - both)
    overlap[:, ~usable] = 0.0
    taken: dict[int, int] = {}
    while overlap.max() >= LEAST_IOU:
        vehicle, detection = np.unravel_index(int(overlap.argmax()), overlap.shape)
        taken[int(vehicle)] = int(detection)
        overlap[vehicle], overlap[:, detection] = 0.0, 0.0
    return taken


def road_user_of(label: int) -> str:
    """A class by name, "" for none."""
    return RoadUser(label).label if label >= 0 else ""
