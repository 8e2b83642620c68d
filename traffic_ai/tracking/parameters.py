"""What the tracker may be told; the defaults hold for vehicles seen by a fixed camera."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackerParameters:
    """How tracks are made and how long they live.

    sure_confidence: detections from here on start tracks. confirm_observations: observed points
    that make a track confirmed. tentative_s, lost_s, lost_standing_s: how long a tentative, a
    moving and a standing track live unobserved. gate: squared Mahalanobis distance (chi-square,
    2 degrees of freedom, 99.9 %) beyond which a detection is not the track's. reach_heights: no
    track is found again farther from its predicted place than this many heights of its box.
    top_speed_mps: no vehicle is faster.
    """

    sure_confidence: float = 0.3
    confirm_observations: int = 3
    tentative_s: float = 0.4
    lost_s: float = 2.0
    lost_standing_s: float = 5.0
    gate: float = 13.8
    reach_heights: float = 2.5
    min_iou: float = 0.35
    size_sigma: float = 0.25
    top_speed_mps: float = 90.0
