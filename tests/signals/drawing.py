"""Draws signal heads as a camera would see them, with exact truth."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.core.frame import Image
from traffic_ai.core.signal import Aspect

# BGR of the light; LED red turns pinkish and LED green bluish in most cameras.
LIGHT = {Aspect.RED: (40, 30, 255), Aspect.YELLOW: (20, 165, 255), Aspect.GREEN: (190, 235, 30)}
LENS = {Aspect.RED: (18, 14, 44), Aspect.YELLOW: (14, 30, 40), Aspect.GREEN: (30, 36, 18)}
ORDER = (Aspect.RED, Aspect.YELLOW, Aspect.GREEN)


@dataclass(frozen=True)
class View:
    """How a head is seen: surroundings, housing, lamp brightness, halo and damage."""

    around: tuple[int, int, int] = (150, 140, 130)
    housing: int = 40
    gain: float = 1.0
    bloom: float = 0.0
    arrow: bool = False
    noise: float = 2.0
    jpeg: int = 80
    blur: float = 0.5


DAY = View()
HAZE = View(around=(225, 220, 215), housing=150, gain=0.5)
DUSK = View(around=(70, 55, 50), housing=25)
NIGHT = View(around=(8, 8, 8), housing=6, bloom=0.8, noise=5.0)
DIM = View(around=(90, 85, 80), housing=30, gain=0.25, noise=3.0)
ARROW = View(arrow=True)
POOR = View(jpeg=25, noise=4.0, blur=0.8)
VIEWS = {
    "day": DAY, "haze": HAZE, "dusk": DUSK, "night": NIGHT, "dim": DIM, "arrow": ARROW,
    "poor": POOR,
}  # fmt: skip


def lit_lamps(aspect: Aspect) -> tuple[Aspect, ...]:
    """The lamps an aspect lights."""
    if aspect is Aspect.RED_YELLOW:
        return (Aspect.RED, Aspect.YELLOW)
    return (aspect,) if aspect in ORDER else ()


def draw(
    aspect: Aspect,
    view: View = DAY,
    head_px: tuple[int, int] = (16, 44),
    at_px: tuple[float, float] = (40, 30),
    size_px: tuple[int, int] = (96, 112),
    seed: int = 0,
) -> Image:
    """A picture (H, W, 3) BGR of size_px with a vertical head whose upper left corner is at_px."""
    rng = np.random.default_rng(seed)
    zoom = 4
    width, height = size_px
    light = np.zeros((height * zoom, width * zoom, 3), np.float32)
    light[:] = view.around
    x, y = (round(v * zoom) for v in at_px)
    w, h = (v * zoom for v in head_px)
    cv2.rectangle(light, (x, y), (x + w, y + h), (view.housing,) * 3, -1)
    radius = 0.4 * min(w, h / 3)
    lit = lit_lamps(aspect)
    glow = np.zeros_like(light)
    for index, lamp in enumerate(ORDER):
        centre = (round(x + w / 2), round(y + h * (index + 0.5) / 3))
        tint = tuple(view.housing + 0.4 * v for v in LENS[lamp])
        cv2.circle(light, centre, round(radius), tint, -1)
        if lamp in lit:
            _lamp(glow, centre, radius, lamp, view)
    light, glow = (cv2.resize(p, size_px, interpolation=cv2.INTER_AREA) for p in (light, glow))
    if view.bloom:
        glow += 2.5 * view.bloom * cv2.GaussianBlur(glow, (0, 0), 1.1 * radius / zoom)
    picture = light + glow
    picture = cv2.GaussianBlur(picture, (0, 0), view.blur)
    picture = picture + rng.normal(0.0, view.noise, picture.shape)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, view.jpeg])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _lamp(
    glow: np.ndarray, centre: tuple[int, int], radius: float, lamp: Aspect, view: View
) -> None:
    colour = tuple(float(view.gain * v) for v in LIGHT[lamp])
    if not view.arrow:
        cv2.circle(glow, centre, round(radius), colour, -1)
        return
    left = (round(centre[0] - 0.8 * radius), centre[1])
    right = (round(centre[0] + 0.8 * radius), centre[1])
    cv2.arrowedLine(glow, right, left, colour, max(1, round(0.35 * radius)), tipLength=0.5)
