"""Coloured light in the crop of one head: where it is, how strong, and of which hue.

First step of reading a head (`lamps`). It needs no training. A lit lamp is light added to the
housing, so a pixel's colour is taken less the housing's: what is left has the lamp's hue also
through haze or glare, and a white-saturated core leaves nothing, so the coloured halo around it
decides. Sky, walls and reflections are nearly colourless and drop out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image

Plane = NDArray[np.floating]

HOUSING_PERCENTILE = 20.0
CHROMA_FLOOR = 4.0  # levels of 255 that compression and sensor noise reach anyway
LAMP_SHARE = 0.7  # side of the averaging window, as a share of the lamp's diameter
# Hue from which a warm light counts as amber rather than red. Red lamps lie at -20..7 degrees,
# amber ones at 9..65 (ITU-R BT.709 primaries, daylight white balance); the scale is one unit of
# log-odds.
RED_AMBER_HUE_DEG = 9.5
HUE_SCALE_DEG = 2.5
# A lamp too bright for the sensor is a white core of this share of a lamp's area, in one piece no
# longer than so many lamps, with a rim of at least this chroma: that of walls lit by head lamps
# stays well below.
SATURATED = 250.0
CORE_SHARE, CORE_SPAN = (0.05, 1.6), 1.5
RIM_CHROMA = 90.0


@dataclass(frozen=True, slots=True)
class Light:
    """A patch of coloured light of a lamp's size.

    energy: mean chroma over the patch, 0..255. hue_deg: of the added light, -90..270, red at 0.
    brightness: its strongest channel, 0..255, in the coloured part. row, column: its middle in
    the crop.
    """

    energy: float
    hue_deg: float
    brightness: float
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Chroma of the added light, pixel by pixel, in red to amber (`warm`) and green (`green`).

    `added`: (h, w, 3) light above the housing. `noise`: chroma that is there without any lamp.
    `exposed`: share of pixels that are not saturated white.
    """

    warm: Plane
    green: Plane
    added: Plane
    noise: float
    exposed: float


def evidence(crop: Image) -> Evidence:
    """Coloured light in a crop (h, w, 3) BGR of one head."""
    pixels = crop.astype(np.float32)
    added = np.maximum(pixels - _housing(crop), np.float32(0.0))
    added_hue, added_chroma, added_top = _hue(added)
    own_hue, own_chroma, _ = _hue(pixels)
    # The pixel itself must have the colour too, within the shift a coloured veil can cause:
    # white sky above a bluish housing would otherwise pass for amber.
    chroma = np.maximum(np.minimum(added_chroma, own_chroma) - CHROMA_FLOOR, 0.0)
    chroma = chroma * _ramp(added_chroma / np.maximum(added_top, np.float32(1.0)), 0.1, 0.3)
    warm = chroma * np.minimum(_warm(added_hue, 0.0), _warm(own_hue, 12.0))
    green = chroma * np.minimum(_green(added_hue, 0.0), _green(own_hue, 12.0))
    ever_warm, ever_green = _median(warm), _median(green)
    warm = np.maximum(warm - ever_warm, 0.0)
    green = np.maximum(green - ever_green, 0.0)
    exposed = 1.0 - np.count_nonzero(_least(pixels) >= SATURATED) / own_chroma.size
    return Evidence(warm, green, added, ever_warm + ever_green, exposed)


def _housing(crop: Image) -> Plane:
    """The housing's colour (3,): `np.percentile` of the pixels, which takes ten times as long."""
    pixels = crop.reshape(-1, 3)
    place = HOUSING_PERCENTILE / 100.0 * (len(pixels) - 1)
    below = int(place)
    low, high = np.partition(pixels, (below, below + 1), axis=0)[below : below + 2].astype(float)
    return np.asarray(low + (place - below) * (high - low), np.float32)


def _median(plane: Plane) -> float:
    """The median of a plane without negative values."""
    if 2 * np.count_nonzero(plane) < plane.size - 1:
        return 0.0
    return float(np.median(plane))


def strongest_light(energy: Plane, added: Plane, weight: Plane, lamp_px: float) -> Light:
    """The patch where the weighted mean energy over a lamp's size is greatest."""
    side = max(2, round(LAMP_SHARE * lamp_px))
    mean = cv2.blur(energy, (side, side), borderType=cv2.BORDER_CONSTANT)
    row, column = np.unravel_index(int(np.argmax(mean * weight)), mean.shape)
    patch = window(int(row), int(column), side)
    local = energy[patch]
    core = local >= 0.5 * local.max()
    hue, _, top = _hue(added[patch][core].mean(axis=0, dtype=np.float32)[None])
    return Light(float(mean[row, column]), float(hue[0]), float(top[0]), int(row), int(column))


def white_core(crop: Image, lamp_px: float) -> Light | None:
    """A lamp's white-saturated core in a crop (h, w, 3) BGR with the colour of the rim around it;
    its halo may fill the crop. None where there is none.
    """
    pixels = crop.astype(np.float32)
    white = (_least(pixels) >= SATURATED).astype(np.uint8)
    share = float(white.sum()) / (np.pi / 4.0 * lamp_px**2)
    if not CORE_SHARE[0] <= share <= CORE_SHARE[1]:
        return None
    rows, columns = np.nonzero(white)
    if max(np.ptp(rows), np.ptp(columns)) > CORE_SPAN * lamp_px:
        return None
    blurred, around = (cv2.dilate(white, np.ones((side, side), np.uint8)) for side in (3, 7))
    rim = around > blurred
    hue, chroma, top = _hue(pixels[rim].mean(axis=0)[None])
    if float(chroma[0]) < RIM_CHROMA:
        return None
    row, column = int(np.median(rows)), int(np.median(columns))
    return Light(float(chroma[0]), float(hue[0]), float(top[0]), row, column)


def is_green(hue_deg: float) -> bool:
    """Whether light of a hue is a green lamp's."""
    return float(_green(np.array([hue_deg]), 0.0)[0]) >= 0.5


def window(row: int, column: int, side: int) -> tuple[slice, slice]:
    """The square of a side (and one pixel around) about a place, cut off at the crop's start."""
    reach = side // 2 + 1
    return (
        slice(max(0, row - reach), row + reach + 1),
        slice(max(0, column - reach), column + reach + 1),
    )


def red_log_odds(hue_deg: float) -> float:
    """How much the hue of a warm light speaks for red (positive) against amber, within +-4."""
    return float(np.clip((RED_AMBER_HUE_DEG - hue_deg) / HUE_SCALE_DEG, -4.0, 4.0))


def _ramp(x: Plane, zero: float, one: float) -> Plane:
    return np.asarray(np.clip((x - zero) / (one - zero), 0.0, 1.0), np.float32)


def _warm(hue_deg: Plane, slack_deg: float) -> Plane:
    rise = _ramp(hue_deg, -65.0 - slack_deg, -40.0 - slack_deg)
    return np.minimum(rise, _ramp(-hue_deg, -85.0 - slack_deg, -68.0 - slack_deg))


def _green(hue_deg: Plane, slack_deg: float) -> Plane:
    rise = _ramp(hue_deg, 72.0 - slack_deg, 95.0 - slack_deg)
    return np.minimum(rise, _ramp(-hue_deg, -206.0 - slack_deg, -190.0 - slack_deg))


def _hue(bgr: Plane) -> tuple[Plane, Plane, Plane]:
    """Hue in -90..270 degrees (red at 0), chroma and greatest channel of (..., 3) BGR."""
    b, g, r = bgr[..., 0], bgr[..., 1], bgr[..., 2]
    top = np.maximum(np.maximum(b, g), r)
    chroma = top - _least(bgr)
    safe = np.maximum(chroma, 1e-3)
    sector = np.where(
        top == r, (g - b) / safe, np.where(top == g, (b - r) / safe + 2.0, (r - g) / safe + 4.0)
    )
    hue = sector * np.float32(60.0)
    return np.where(hue > 270.0, hue - 360.0, hue), chroma, top


def _least(bgr: Plane) -> Plane:
    """The least channel (...) of (..., 3); written out, which is many times as fast as `min`."""
    return np.asarray(np.minimum(np.minimum(bgr[..., 0], bgr[..., 1]), bgr[..., 2]))
