"""Reads one signal head from the picture: colour, place and brightness together.

Before the fusion of heads (`reading`) and the timeline. A warm light is told red or amber by its
hue, and where the hue leaves doubt by its place; what each lamp shows while it is off (a tinted
lens in the sun, leaves behind the head) is learned and taken off. In doubt the reading is UNKNOWN.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.frame import Box, Image
from traffic_ai.core.signal import Aspect
from traffic_ai.signals.appearance import Appearance
from traffic_ai.signals.evidence import (
    Evidence,
    Light,
    evidence,
    is_green,
    red_log_odds,
    strongest_light,
    white_core,
    window,
)
from traffic_ai.signals.placement import LAMPS, Placement
from traffic_ai.signals.reading import LIT, UNREADABLE, Reading

LEAST_ENERGY = 2.5  # mean chroma over a lamp, levels of 255, above noise
# Of a light over its housing; a tinted lens without light stays below. Stricter where a mistake
# could accuse somebody.
LEAST_BRIGHTNESS = {Aspect.RED: 28.0, Aspect.YELLOW: 28.0, Aspect.GREEN: 18.0}
OWN_PLACE = 0.5  # weight of a place that may be the lamp's own
RIVAL_RATIO = 1.8  # the strongest lamp against the next
TOGETHER_RATIO = 0.25  # red and yellow lit together: the weaker against the stronger
KNOWN_S = 5.0  # after so long the off level of a lamp is known
LEAST_RED_CONFIDENCE = 0.4  # below it compression alone has made red of other lamps
DOUBTFUL_SHARE = 0.5  # of a doubtful light's strength that a clear one must have to overrule it
ON_SHARE = 0.2  # of the known swing between off and on
# Share of pixels that must not be saturated; stricter until a lamp was seen lit.
OVEREXPOSED, OVEREXPOSED_UNSEEN = 0.4, 0.9
OFF_LEARN_S = 15.0
ON_LEARN_S = 60.0
LONGEST_STEP_S = 0.5
FIRM, LEANING, FIRM_HUE = 1.5, 0.8, 1.2  # log-odds of red against amber


@dataclass(frozen=True, slots=True)
class _Lamp:
    """A lamp that may be lit: weighted strength, its light, and whether colour and place agree."""

    strength: float
    light: Light
    firm: bool


@dataclass(slots=True)
class _Level:
    """What one lamp's strength is while off and while on; learned only while it surely is so."""

    off: float = 0.0
    off_deviation: float = 0.5
    on: float | None = None
    learned_s: float = 0.0  # how long it was watched while off

    def threshold(self, least: float) -> float:
        """How far above `off` the strength of a lit lamp is."""
        known = 0.0 if self.on is None else ON_SHARE * (self.on - self.off)
        return max(least, 3.0 * self.off_deviation, known)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a window of a picture shows, whatever came before it."""

    window: Image
    crop: Image
    seen: Evidence
    lamps: Mapping[Aspect, _Lamp]
    unclear: float
    least: Mapping[Aspect, float]

    @classmethod
    def of(cls, window: Image, placement: Placement) -> "_Sight":
        crop = placement.crop(window)
        seen = evidence(crop)
        least = dict.fromkeys(LAMPS, LEAST_ENERGY + 1.5 * seen.noise)
        if seen.noise > LEAST_ENERGY:  # colour all over the crop: it may be a lamp's halo
            core = white_core(crop, placement.lamp_px)
            halo_of = None if core is None else _aspect_at(core, placement)
            least |= {} if halo_of is None else {halo_of: LEAST_ENERGY}
        return cls(window.copy(), crop, seen, *_lamps(seen, placement), least)


class HeadReader:
    """Reads one head, picture by picture in time order; keeps a bounded memory of its lamps."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._levels = {aspect: _Level() for aspect in LAMPS}
        self._appearance = Appearance()
        self._last_s: float | None = None
        self._sight: _Sight | None = None

    @property
    def window_px(self) -> Box:
        """The part x0, y0, x1, y1 of the picture that it reads."""
        return self._placement.window_px

    def read(self, image: Image, t_s: float) -> Reading:
        """What the head shows in a picture."""
        x0, y0, x1, y1 = self.window_px
        return self.read_window(image[y0:y1, x0:x1], t_s)

    def read_window(self, window: Image, t_s: float) -> Reading:
        """What the head shows in its window of a picture."""
        if self._sight is None or not np.array_equal(window, self._sight.window):
            self._sight = _Sight.of(window, self._placement)  # compressed video often stands still
        crop, seen = self._sight.crop, self._sight.seen
        lamps, unclear = self._sight.lamps, self._sight.unclear
        least = self._sight.least
        reading = self._decide(lamps, unclear, least, seen.exposed)
        if reading.aspect is Aspect.UNKNOWN:
            return reading
        if self._appearance.covered(crop, reading.aspect, t_s):
            return UNREADABLE
        self._learn(reading, lamps, t_s)
        return reading

    def _decide(
        self,
        lamps: Mapping[Aspect, _Lamp],
        unclear: float,
        least: Mapping[Aspect, float],
        exposed: float,
    ) -> Reading:
        above = {
            aspect: lamp.strength - self._levels[aspect].off
            for aspect, lamp in lamps.items()
            if self._shines(aspect, lamp)
        }
        lit = {a: v for a, v in above.items() if v >= self._levels[a].threshold(least[a])}
        if not lit:
            return self._unlit(max([unclear, *above.values()]), exposed)
        ranked = sorted(((value, aspect) for aspect, value in lit.items()), reverse=True)
        best, aspect = ranked[0]
        rival = ranked[1][0] if len(ranked) > 1 else 0.0
        if self._together(lit, lamps):
            aspect, rival = Aspect.RED_YELLOW, 0.0
        elif best < RIVAL_RATIO * max(rival, unclear):
            return UNREADABLE
        sure = all(lamps[part].firm for part in _shown(aspect))
        confidence = best / (best + 8.0) * (1.0 - rival / best) * (1.0 if sure else 0.6)
        if aspect is Aspect.RED and confidence < LEAST_RED_CONFIDENCE:
            return UNREADABLE
        return Reading(aspect, confidence)

    def _shines(self, aspect: Aspect, lamp: _Lamp) -> bool:
        """Whether it is a light and not a lens: bright, or watched for long while off."""
        known = self._levels[aspect].learned_s >= KNOWN_S
        return known or lamp.light.brightness >= LEAST_BRIGHTNESS[aspect]

    def _unlit(self, colour: float, exposed: float) -> Reading:
        """DARK, or UNKNOWN where there is some colour too much for it or too much light.

        Of a lamp never seen lit it takes little to doubt that the head is dark: a lamp that
        shines white against a white sky looks the same.
        """
        swings = [v.on - v.off for v in self._levels.values() if v.on is not None]
        most = max(LEAST_ENERGY, ON_SHARE * min(swings)) if swings else LEAST_ENERGY / 2.0
        least_exposed = OVEREXPOSED if swings else OVEREXPOSED_UNSEEN
        if colour >= most or exposed < least_exposed:
            return UNREADABLE
        return Reading(Aspect.DARK, 0.6)

    def _together(self, lit: Mapping[Aspect, float], lamps: Mapping[Aspect, _Lamp]) -> bool:
        """Whether red and yellow are lit both, each in its place."""
        if not {Aspect.RED, Aspect.YELLOW} <= lit.keys():
            return False
        red, yellow = lamps[Aspect.RED], lamps[Aspect.YELLOW]
        weak, strong = sorted((lit[Aspect.RED], lit[Aspect.YELLOW]))
        apart = math.hypot(yellow.light.row - red.light.row, yellow.light.column - red.light.column)
        return (
            red.firm
            and yellow.firm
            and weak >= TOGETHER_RATIO * strong
            and weak >= RIVAL_RATIO * lit.get(Aspect.GREEN, 0.0)
            and self._own(red, 0)
            and self._own(yellow, 1)
            and apart >= 0.7 * self._placement.lamp_px
        )

    def _own(self, lamp: _Lamp, index: int) -> bool:
        light = lamp.light
        return float(self._placement.weight[index, light.row, light.column]) >= OWN_PLACE

    def _learn(self, reading: Reading, lamps: Mapping[Aspect, _Lamp], t_s: float) -> None:
        """Take the off level of lamps that are surely off, the on level of those that are lit.

        A dark head teaches no off level: a lamp too dim to be seen would be learned as off.
        """
        # Time in which the head could not be read taught nothing.
        step = 0.0 if self._last_s is None else min(t_s - self._last_s, LONGEST_STEP_S)
        self._last_s = t_s
        on_share, off_share = (
            1.0 - math.exp(-step / ON_LEARN_S),
            1.0 - math.exp(-step / OFF_LEARN_S),
        )
        shown = _shown(reading.aspect)
        for aspect, level in self._levels.items():
            strength = lamps[aspect].strength if aspect in lamps else 0.0
            if aspect in shown:
                level.on = strength if level.on is None else level.on
                level.on += on_share * (strength - level.on)
            elif reading.aspect in LIT and reading.confidence >= 0.5:
                level.off_deviation += off_share * (abs(strength - level.off) - level.off_deviation)
                level.off_deviation = max(level.off_deviation, 0.5)
                level.off += off_share * (strength - level.off)
                level.learned_s += step
            elif reading.aspect is Aspect.DARK and level.on is not None:
                level.on -= on_share * (level.on - level.off)


def _shown(aspect: Aspect) -> frozenset[Aspect]:
    if aspect is Aspect.RED_YELLOW:
        return frozenset({Aspect.RED, Aspect.YELLOW})
    return frozenset({aspect})


def _lamps(seen: Evidence, placement: Placement) -> tuple[dict[Aspect, _Lamp], float]:
    """The strongest light of each colour, and the strength of light of no certain colour."""
    weight, lamp_px = placement.weight, placement.lamp_px
    lamps: dict[Aspect, _Lamp] = {}
    unclear = 0.0
    warm, energy = weight[:2].max(axis=0), seen.warm.copy()
    for _ in range(2):
        if not energy.any():
            break
        light = strongest_light(energy, seen.added, warm, lamp_px)
        if light.energy <= 0.0:
            break
        aspect, firm = _warm_aspect(light, placement)
        if aspect is None:
            if light.brightness >= LEAST_BRIGHTNESS[Aspect.RED]:
                unclear = max(unclear, light.energy * float(warm[light.row, light.column]))
        else:
            index = LAMPS.index(aspect)
            strength = light.energy * float(weight[index, light.row, light.column])
            if aspect not in lamps or strength > lamps[aspect].strength:
                lamps[aspect] = _Lamp(strength, light, firm)
        energy[window(light.row, light.column, round(1.2 * lamp_px))] = 0.0
    if not seen.green.any():
        return _without_doubtful(lamps, unclear)
    light = strongest_light(seen.green, seen.added, weight[2], lamp_px)
    place = float(weight[2, light.row, light.column])
    if place >= OWN_PLACE:
        lamps[Aspect.GREEN] = _Lamp(light.energy * place, light, True)
    else:
        unclear = max(unclear, light.energy * place)
    return _without_doubtful(lamps, unclear)


def _without_doubtful(
    lamps: dict[Aspect, _Lamp], unclear: float
) -> tuple[dict[Aspect, _Lamp], float]:
    """Drop a doubtful warm light beside a clear one of its strength: its reflection, its rim."""
    warm = [aspect for aspect in lamps if aspect is not Aspect.GREEN]
    firm = max((lamps[a].strength for a in warm if lamps[a].firm), default=0.0)
    for aspect in warm:
        if not lamps[aspect].firm and lamps[aspect].strength * DOUBTFUL_SHARE <= firm:
            del lamps[aspect]
    return lamps, 0.0 if unclear * DOUBTFUL_SHARE <= firm else unclear


def _aspect_at(light: Light, placement: Placement) -> Aspect | None:
    """The lamp that a light is by hue and place alike, if it is one."""
    if is_green(light.hue_deg):
        own = float(placement.weight[LAMPS.index(Aspect.GREEN), light.row, light.column])
        return Aspect.GREEN if own >= OWN_PLACE else None
    aspect, firm = _warm_aspect(light, placement)
    return aspect if firm else None


def _warm_aspect(light: Light, placement: Placement) -> tuple[Aspect | None, bool]:
    """Red, yellow or neither for a warm light, and whether hue and place are sure together."""
    hue = red_log_odds(light.hue_deg)
    odds = hue + float(placement.red_log_odds[light.row, light.column])
    aspect = Aspect.RED if odds > 0.0 else Aspect.YELLOW
    place = float(placement.weight[LAMPS.index(aspect), light.row, light.column])
    if place < OWN_PLACE:
        return None, False
    firm = abs(odds) >= FIRM and abs(hue) >= FIRM_HUE and hue * odds > 0.0
    if firm:
        return aspect, True
    return (aspect if abs(odds) >= LEANING else None), False
