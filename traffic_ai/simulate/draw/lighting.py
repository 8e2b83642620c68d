"""The light of a scene: sun, sky and lamps, the air between, and how long the sensor looks.

Colours are linear blue, green, red; at exposure 1 a sunlit white is 1.0.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.noise import hashed
from traffic_ai.simulate.world import Look

LIGHTS = ("day", "dusk", "night")
WEATHERS = ("clear", "overcast", "rain", "fog")
FOG_SIGHT_M = 90.0
"""How far one sees in weather "fog" unless told."""
CLEAR_SIGHT_M = 5000.0
RAIN_SIGHT_M = 1400.0
# At the sight distance 2 % of the contrast is left (Koschmieder, 1924).
_SIGHT_EXTINCTION = 3.912
SUN_COLOUR = np.array([0.78, 0.92, 1.0]) * 1.275
LAMP_COLOUR = np.array([0.50, 0.78, 1.0])
HEADLAMP_COLOUR = np.array([0.92, 0.97, 1.0])


@dataclass(frozen=True)
class Lighting:
    """What lights the scene and what it is seen through.

    toward_sun (3,): unit vector; sun, sky, bounce (3,): strengths on a surface that faces the sun,
    the sky and the road; zenith, horizon, street (3,): what a mirror sees there. lamps: the share
    of their strength that lamps stand out with, 0 by day. wet: 0 dry to 1 soaked.
    """

    toward_sun: Floats
    sun: Floats
    sky: Floats
    bounce: Floats
    zenith: Floats
    horizon: Floats
    street: Floats
    exposure: float
    lamps: float
    sight_m: float
    air: Floats
    wet: float

    @property
    def sun_share(self) -> float:
        """Part of the light on open ground that comes straight from the sun."""
        direct = float((self.sun * self.toward_sun[2]).mean())
        return direct / (direct + float(self.sky.mean()))

    @property
    def open_ground(self) -> Floats:
        """Light (3,) on open ground."""
        return np.asarray(self.sun * self.toward_sun[2] + self.sky)

    def through_air(self, colour: Floats, distance_m: Floats) -> Floats:
        """Colours (..., 3) seen at distances (...) through the air."""
        clear = np.exp(-_SIGHT_EXTINCTION * distance_m / self.sight_m).astype(np.float32)[..., None]
        return np.asarray(colour * clear + self.air.astype(np.float32) * (1 - clear))

    def veil(self, colour: Floats, distance_m: Floats) -> Floats:
        """As `through_air`, for colours (3, P) at distances (P,); writes to them."""
        clear = np.exp(np.float32(-_SIGHT_EXTINCTION / self.sight_m) * distance_m)
        colour *= clear
        colour += np.outer(self.air.astype(np.float32), 1 - clear)
        return colour

    def mirrored(self, directions: Floats) -> Floats:
        """Colours (3, P) a mirror would see in world directions (3, P): street, fronts, sky."""
        rise = directions[2]
        horizon, street = self.horizon.astype(np.float32), self.street.astype(np.float32)
        fronts = street * np.float32(1.05)
        edge = np.clip((rise - 0.10 - 0.05 * np.sin(9 * directions[0])) * 14, 0, 1)
        above = np.clip(rise * 10 + 0.5, 0, 1)
        reach = np.sqrt(np.clip(rise * np.float32(1.3), 0, 1))
        # street, then fronts above it, then the sky from horizon to zenith above the fronts
        seen = np.outer(street, 1 - above)
        edge *= above
        seen += np.outer(fronts, above - edge)
        reach *= edge
        seen += np.outer(horizon, edge - reach)
        seen += np.outer(self.zenith.astype(np.float32), reach)
        return np.asarray(seen)


def lighting(look: Look, seed: int) -> Lighting:
    """The light of a look; the seed says where the sun stands. Raises ConfigError."""
    if look.light not in LIGHTS:
        raise ConfigError(f"light is {look.light!r}; wanted one of {', '.join(LIGHTS)}")
    if look.weather not in WEATHERS:
        raise ConfigError(f"weather is {look.weather!r}; wanted one of {', '.join(WEATHERS)}")
    sky_part, sun_part = _clouds(look.weather)
    blue = np.array([0.52, 0.43, 0.36]) * 0.76
    grey = np.array([0.43, 0.43, 0.42]) * 0.76
    plain = look.weather == "clear"
    level = {"day": 1.0, "dusk": 0.055, "night": 0.0022}[look.light]
    sun_part = sun_part if look.light == "day" else 0.0
    sky = (blue if plain else grey) * sky_part * level
    zenith = (np.array([0.80, 0.56, 0.36]) if plain else np.array([0.80, 0.78, 0.76])) * level
    horizon = (np.array([0.98, 0.92, 0.86]) if plain else np.array([0.88, 0.87, 0.86])) * level
    if look.light == "dusk":
        sky, zenith = sky * 1.25, zenith * np.array([1.0, 0.85, 0.75])
        horizon = horizon * np.array([0.75, 0.90, 1.20])
    if look.light == "night":
        horizon = horizon * np.array([3.0, 4.0, 5.0])
    return Lighting(
        toward_sun=_toward_sun(seed),
        sun=SUN_COLOUR * sun_part,
        sky=sky,
        bounce=np.array([0.15, 0.16, 0.17]) * level * (1.0 if sun_part else 0.75),
        zenith=zenith,
        horizon=horizon,
        street=np.array([0.17, 0.19, 0.20]) * level,
        exposure={"day": 1.0 if sun_part else 1.35, "dusk": 11.0, "night": 17.0}[look.light],
        lamps={"day": 0.0, "dusk": 0.5, "night": 1.0}[look.light],
        sight_m=_sight_m(look),
        air=_air(look, horizon),
        wet=1.0 if look.weather == "rain" else 0.0,
    )


def _clouds(weather: str) -> tuple[float, float]:
    """Strength of the sky and of the sun."""
    return {"clear": (1.0, 1.0), "overcast": (1.75, 0.0), "rain": (1.45, 0.0), "fog": (1.6, 0.0)}[
        weather
    ]


def _sight_m(look: Look) -> float:
    if look.fog_sight_m is not None:
        if look.fog_sight_m <= 0:
            raise ConfigError(f"fog_sight_m is {look.fog_sight_m:g}; wanted a distance above 0")
        return look.fog_sight_m
    return {"fog": FOG_SIGHT_M, "rain": RAIN_SIGHT_M}.get(look.weather, CLEAR_SIGHT_M)


def _air(look: Look, horizon: Floats) -> Floats:
    """What the air itself sends to the eye: by night the town's lamps in the fog."""
    if look.light != "night":
        return np.asarray(horizon * 0.92)
    return np.array([0.010, 0.013, 0.015]) * (1.0 if look.weather in ("fog", "rain") else 0.35)


def _toward_sun(seed: int) -> Floats:
    """Forty to sixty degrees high, in any direction."""
    turn, high = hashed(np.array([seed, seed]), np.array([11, 12]), 5)
    azimuth, rise = 2 * np.pi * float(turn), np.radians(40 + 20 * float(high))
    return np.array([np.sin(azimuth) * np.cos(rise), np.cos(azimuth) * np.cos(rise), np.sin(rise)])
