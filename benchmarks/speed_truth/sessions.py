"""Reads the measured sessions: known distances, gate speeds, and tracks matched to them."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from traffic_ai.calibration.distances import KnownDistance
from traffic_ai.core.geometry import Array

PICTURE_PX = (1920, 1080)
# A track is a car's when it crosses every line the car did within this time of it.
MATCH_S = 0.2


@dataclass(frozen=True, slots=True)
class TrackedPoint:
    """The path of one vehicle's reference point: t_s (n,), place_px (n, 2)."""

    t_s: Array
    place_px: Array


@dataclass(frozen=True, slots=True)
class GatedCar:
    """A vehicle with the gate's speed and its moments (L,) at the lines, NaN where unknown."""

    car_id: int
    speed_kmh: float
    crossing_s: Array


@dataclass(frozen=True, slots=True)
class Session:
    """One camera session; lines (L, 3) are a x + b y + c = 0 in the image."""

    name: str
    distances: tuple[KnownDistance, ...]
    lines: Array
    cars: tuple[GatedCar, ...]
    tracks: tuple[TrackedPoint, ...]

    def matches(self) -> list[tuple[GatedCar, TrackedPoint]]:
        """Each car with the track that crosses the lines when it does, a track once at most."""
        crossings = np.array([_crossings(track, self.lines) for track in self.tracks])
        taken: set[int] = set()
        found = []
        for car in self.cars:
            known = ~np.isnan(car.crossing_s)
            miss = np.abs(crossings[:, known] - car.crossing_s[known]).max(axis=1)
            miss[np.isnan(miss)] = np.inf
            best = int(np.argmin(miss))
            if miss[best] <= MATCH_S and best not in taken:
                taken.add(best)
                found.append((car, self.tracks[best]))
        return found


def names(folder: Path) -> list[str]:
    """Sessions in the folder, by name."""
    return sorted(p.name.removesuffix("_gt.json.gz") for p in folder.glob("*_gt.json.gz"))


def load(folder: Path, name: str) -> Session:
    """One session of the folder."""
    truth = json.loads(gzip.decompress((folder / f"{name}_gt.json.gz").read_bytes()))
    tracked = json.loads(gzip.decompress((folder / f"{name}_tracks.json.gz").read_bytes()))
    lines = np.array(truth["measurementLines"], float)
    cars = []
    for car in truth["cars"]:
        crossing_s = np.full(len(lines), np.nan)
        for passage in car["intersections"]:
            crossing_s[passage["measurementLineId"]] = passage["videoTime"]
        if car["valid"] and car["speed"] > 0.0 and np.sum(~np.isnan(crossing_s)) >= 2:
            cars.append(GatedCar(int(car["carId"]), float(car["speed"]), crossing_s))
    return Session(
        name=name,
        distances=tuple(
            KnownDistance(
                (float(d["p1"][0]), float(d["p1"][1])),
                (float(d["p2"][0]), float(d["p2"][1])),
                float(d["distance"]),
                bool(d["toVP1"]),
            )
            for d in truth["distanceMeasurement"]
        ),
        lines=lines,
        cars=tuple(cars),
        tracks=tuple(
            TrackedPoint(
                np.array(t["frames"], float) / float(truth["fps"]),
                np.column_stack([t["posX"], t["posY"]]).astype(float),
            )
            for t in tracked["cars"]
        ),
    )


def _crossings(track: TrackedPoint, lines: Array) -> Array:
    """First moment (L,) the track crosses each line, NaN where it does not."""
    side = track.place_px @ lines[:, :2].T + lines[:, 2]
    out = np.full(len(lines), np.nan)
    for line, value in enumerate(side.T):
        change = np.flatnonzero((value[:-1] > 0.0) != (value[1:] > 0.0))
        if len(change):
            i = change[0]
            share = value[i] / (value[i] - value[i + 1])
            out[line] = track.t_s[i] + share * (track.t_s[i + 1] - track.t_s[i])
    return out
