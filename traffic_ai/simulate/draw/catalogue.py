"""The road users that can be drawn: by name, with their size, outline and tyres.

Traffic picks from here, drawing looks up here; both then speak of the same vehicle.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.spatial import ConvexHull

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw import buses, cars, heavy, riders, two_wheelers
from traffic_ai.simulate.draw.solid import Solid
from traffic_ai.simulate.draw.surface import Colour
from traffic_ai.simulate.draw.vehicle import VehicleModel
from traffic_ai.simulate.world import Body

COLOURS: Mapping[str, Colour] = {
    "silver": (0.42, 0.41, 0.40),
    "white": (0.72, 0.72, 0.71),
    "black": (0.018, 0.017, 0.017),
    "anthracite": (0.07, 0.065, 0.06),
    "red": (0.035, 0.03, 0.36),
    "blue": (0.27, 0.09, 0.025),
    "green": (0.07, 0.12, 0.03),
    "beige": (0.30, 0.38, 0.42),
    "orange": (0.02, 0.19, 0.62),
    "yellow": (0.03, 0.45, 0.70),
}
"""Linear-light blue, green and red of paint, by name."""

_WHITE_BOX, _PALE_BOX = (0.70, 0.70, 0.69), (0.55, 0.60, 0.62)
_JEANS, _DARK = (0.25, 0.12, 0.06), (0.03, 0.03, 0.03)
_DENIM = riders.Clothes((0.45, 0.18, 0.05), (0.72, 0.72, 0.71), _JEANS)
_SCARLET = riders.Clothes((0.04, 0.04, 0.45), (0.72, 0.72, 0.71), _JEANS)
_OLIVE = riders.Clothes((0.05, 0.11, 0.10), (0.035, 0.03, 0.36), _JEANS)
_LEATHER = riders.Clothes(_DARK, (0.04, 0.04, 0.45), _JEANS)
_SHIRT = riders.Clothes((0.55, 0.58, 0.60), (0.27, 0.09, 0.025), _JEANS)
# Two wheels within this of each other across the vehicle are one.
_ONE_TRACK_M = 0.4


@dataclass(frozen=True)
class _Entry:
    """One model: its kind, its class, the colour it has unless told, and how it is built."""

    kind: str
    road_user: RoadUser
    colour: str
    build: Callable[[Colour], VehicleModel]


def _car(name: str, shape: cars.CarShape, colour: str) -> _Entry:
    return _Entry("car", RoadUser.CAR, colour, partial(cars.car, name, shape))


def _truck(
    name: str,
    colour: str,
    box: Colour,
    length_m: float,
    axles_y_m: tuple[float, ...],
    gap_m: float = 0.15,
) -> _Entry:
    def build(paint: Colour) -> VehicleModel:
        return heavy.truck(name, paint, box, length_m, axles_y_m, gap_m)

    return _Entry("truck", RoadUser.TRUCK, colour, build)


def _bus(name: str, colour: str, skirt: Colour, length_m: float) -> _Entry:
    def build(paint: Colour) -> VehicleModel:
        return buses.bus(name, paint, skirt, length_m)

    return _Entry("bus", RoadUser.BUS, colour, build)


def _motorcycle(name: str, colour: str, clothes: riders.Clothes, top_box: bool = False) -> _Entry:
    def build(paint: Colour) -> VehicleModel:
        return two_wheelers.motorcycle(name, paint, clothes, top_box)

    return _Entry("motorcycle", RoadUser.MOTORCYCLE, colour, build)


def _scooter(name: str, colour: str, clothes: riders.Clothes, top_box: bool = False) -> _Entry:
    def build(paint: Colour) -> VehicleModel:
        return two_wheelers.scooter(name, paint, clothes, top_box)

    return _Entry("scooter", RoadUser.MOTORCYCLE, colour, build)


_ENTRIES: Mapping[str, _Entry] = {
    "hatchback": _car("hatchback", cars.HATCHBACK, "blue"),
    "saloon": _car("saloon", cars.SALOON, "silver"),
    "estate": _car("estate", cars.ESTATE, "green"),
    "suv": _car("suv", cars.SPORT_UTILITY, "anthracite"),
    "city-car": _car("city-car", cars.CITY_CAR, "red"),
    "people-carrier": _car("people-carrier", cars.PEOPLE_CARRIER, "beige"),
    "panel-van": _Entry("van", RoadUser.TRUCK, "white", partial(heavy.van, "panel-van")),
    "box-truck": _truck("box-truck", "blue", _WHITE_BOX, 8.4, (-2.35,)),
    "box-truck-small": _truck("box-truck-small", "white", _PALE_BOX, 6.8, (-1.75,)),
    "box-truck-long": _truck("box-truck-long", "orange", _WHITE_BOX, 11.8, (-3.9, -2.55)),
    "semi-trailer": _truck(
        "semi-trailer", "red", _PALE_BOX, 16.4, (-6.6, -5.3, -4.0, 3.4), gap_m=0.75
    ),
    "city-bus": _bus("city-bus", "white", (0.30, 0.12, 0.04), buses.CITY_M),
    "midi-bus": _bus("midi-bus", "yellow", (0.05, 0.05, 0.35), buses.MIDI_M),
    "tourer": _motorcycle("tourer", "red", _DENIM, top_box=True),
    "courier": _motorcycle("courier", "black", _SCARLET, top_box=True),
    "commuter": _motorcycle("commuter", "blue", _OLIVE, top_box=True),
    "roadster": _motorcycle("roadster", "black", _LEATHER),
    "scooter": _scooter("scooter", "silver", _SHIRT),
    "delivery-scooter": _scooter("delivery-scooter", "white", _SCARLET, top_box=True),
}


def models(kind: str) -> tuple[str, ...]:
    """The names of the models of a kind. Raises ConfigError for an unknown kind."""
    found = tuple(name for name, entry in _ENTRIES.items() if entry.kind == kind)
    if not found:
        kinds = sorted({entry.kind for entry in _ENTRIES.values()})
        raise ConfigError(f"no vehicle kind {kind!r}; the kinds are {', '.join(kinds)}")
    return found


@cache
def body(model: str, colour: str = "") -> Body:
    """A vehicle of that model and colour ("": the model's own).

    Raises ConfigError for an unknown model or colour.
    """
    entry = _entry(model)
    colour = colour or entry.colour
    drawn = _model(model, colour)
    vertices_m = drawn.mesh.vertices_m
    hull_m = vertices_m[np.sort(ConvexHull(vertices_m).vertices)]
    contacts_m = _contacts_m(drawn)
    for array in (hull_m, contacts_m):
        array.flags.writeable = False
    return Body(
        model=model,
        road_user=entry.road_user,
        length_m=drawn.length_m,
        width_m=drawn.width_m,
        height_m=float(vertices_m[:, 2].max()),
        outline_m=hull_m,
        contacts_m=contacts_m,
        colour=colour,
    )


def vehicle_model(of: Body) -> VehicleModel:
    """What a body looks like. Raises ConfigError for one that is not of the catalogue."""
    return _model(of.model, of.colour or _entry(of.model).colour)


def solid_of(of: Body) -> Solid:
    """A body ready to be drawn."""
    return _solid(of.model, of.colour or _entry(of.model).colour)


@cache
def _solid(model: str, colour: str) -> Solid:
    return Solid(_model(model, colour))


def _entry(model: str) -> _Entry:
    if model not in _ENTRIES:
        raise ConfigError(f"no vehicle model {model!r}; there are {', '.join(_ENTRIES)}")
    return _ENTRIES[model]


@cache
def _model(model: str, colour: str) -> VehicleModel:
    if colour not in COLOURS:
        raise ConfigError(f"no vehicle colour {colour!r}; there are {', '.join(COLOURS)}")
    return _entry(model).build(COLOURS[colour])


def _contacts_m(model: VehicleModel) -> Floats:
    """Where the tyres touch the road (C, 2): below the middle of every wheel."""
    mesh, found = model.mesh, []
    for number, material in enumerate(model.materials):
        if material.axle is None:
            continue
        x_m = mesh.vertices_m[np.unique(mesh.faces[mesh.material == number]), 0]
        parts = [x_m[x_m < 0], x_m[x_m >= 0]] if np.ptp(x_m) > _ONE_TRACK_M else [x_m]
        middles = [(part.min() + part.max()) / 2 for part in parts]
        found += [(middle, material.axle.y_m) for middle in middles]
    return np.array(found)
