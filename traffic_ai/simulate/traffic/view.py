"""The camera of a scenario, how it sways, and when its pictures are taken."""

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.traffic.schema import CameraPart, SwayPart, TimingPart
from traffic_ai.simulate.world import Sway, Timing

# Without a lens given, its focal length as a share of the picture's width.
_FOCAL_SHARE = 0.82
_HEIGHTS_M = (1.0, 40.0)
_SWAY_STEP_S = 0.01
_TONES = 5
# A stamp follows the one before it by at least this.
_LEAST_STAMP_S = 0.001


def camera_of(part: CameraPart) -> Camera:
    """The camera. Raises ConfigError where it hangs under the road or its lens is given twice."""
    if not _HEIGHTS_M[0] <= part.height_m <= _HEIGHTS_M[1]:
        where = "under the road" if part.height_m < 0 else "out of reach"
        where = "on the road" if 0 <= part.height_m < _HEIGHTS_M[0] else where
        raise ConfigError(
            f"camera.height_m {part.height_m:g} hangs the camera {where}; give metres above it "
            f"from {_HEIGHTS_M[0]:g} to {_HEIGHTS_M[1]:g}, usually 4 to 15"
        )
    if part.focal_px is not None and part.field_deg is not None:
        raise ConfigError(
            f"camera.focal_px {part.focal_px:g} and camera.field_deg {part.field_deg:g} are both "
            "given; keep one of them"
        )
    focal_px = part.focal_px or _FOCAL_SHARE * part.size[0]
    if part.field_deg is not None:
        focal_px = part.size[0] / 2 / np.tan(np.radians(part.field_deg) / 2)
    return Camera(
        (part.side_m, 0.0, part.height_m),
        yaw_deg=part.yaw_deg,
        pitch_deg=part.pitch_deg,
        focal_px=float(focal_px),
        width_px=part.size[0],
        height_px=part.size[1],
        roll_deg=part.roll_deg,
        k1=part.k1,
        k2=part.k2,
    )


def sway_of(
    part: SwayPart | None, camera: Camera, until_s: float, chance: np.random.Generator
) -> Sway | None:
    """The camera's motion: a few tones about a frequency for vibration, then its turns."""
    if part is None or (part.vibration_px == 0.0 and not part.turns):
        return None
    t_s = np.arange(0.0, until_s + _SWAY_STEP_S, _SWAY_STEP_S)
    degrees = float(np.degrees(part.vibration_px / camera.focal_px))
    yaw, pitch, roll = (
        share * degrees * _tones(t_s, part.vibration_hz, chance) for share in (1.0, 1.0, 0.3)
    )
    for turn in part.turns:
        share = np.clip((t_s - turn.at_s) / turn.within_s, 0.0, 1.0)
        done = share * share * (3 - 2 * share)
        yaw = yaw + done * turn.yaw_deg
        pitch = pitch + done * turn.pitch_deg
        roll = roll + done * turn.roll_deg
    return Sway(t_s, yaw, pitch, roll)


def _tones(t_s: Floats, middle_hz: float, chance: np.random.Generator) -> Floats:
    """Noise about a frequency, of standard deviation 1."""
    pitches_hz = middle_hz * chance.uniform(0.6, 1.6, _TONES)
    phases = chance.uniform(0.0, 2 * np.pi, _TONES)
    waves = np.sin(2 * np.pi * pitches_hz[:, None] * t_s + phases[:, None])
    return np.asarray(waves.sum(axis=0) * np.sqrt(2.0 / _TONES))


def timing_of(part: TimingPart, chance: np.random.Generator) -> Timing:
    """Moments of the frames and their stamps; both begin at 0."""
    count = max(2, round(part.duration_s * part.fps))
    steps_s = np.full(count - 1, 1.0 / part.fps)
    if part.variable > 0.0:
        steps_s *= chance.uniform(1 - part.variable, 1 + part.variable, count - 1)
        steps_s *= (count - 1) / part.fps / steps_s.sum()
    t_s = np.concatenate([[0.0], np.cumsum(steps_s)])
    if part.variable == 0.0:
        t_s = np.arange(count) / part.fps
    if part.dropped > 0.0:
        kept = chance.uniform(size=count) >= part.dropped
        kept[[0, -1]] = True
        t_s = t_s[kept]
    t_s = np.round(t_s, 6)
    stamps_s = t_s
    if part.jitter_s > 0.0:
        stamps_s = t_s + chance.normal(0.0, part.jitter_s, len(t_s))
        stamps_s = _rising(np.round(stamps_s - stamps_s[0], 6))
    return Timing(t_s, stamps_s, part.declared_fps or part.fps)


def _rising(stamps_s: Floats) -> Floats:
    """Stamps that would stand still or run back, moved just after the one before."""
    least = np.arange(len(stamps_s)) * _LEAST_STAMP_S
    return np.asarray(np.round(np.maximum.accumulate(stamps_s - least) + least, 6))
