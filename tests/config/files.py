"""A site file that is right, and how tests bend it."""

from pathlib import Path

GOOD = """\
version: 1
cameras:
  - id: demo-junction
    name: Simulated junction
    source: rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream
    start_time: "2026-03-02T08:00:00+01:00"
    time_zone: Europe/Berlin
    coordinates: {unit: fraction}
    detection_regions: [[0.0, 0.2, 1.0, 1.0]]
    calibration:
      points:
        - {image: [0.25, 0.90], ground_m: [-4.0, 10.0]}
        - {image: [0.75, 0.90], ground_m: [4.0, 10.0]}
        - {image: [0.58, 0.50], ground_m: [4.0, 34.0]}
        - {image: [0.42, 0.50], ground_m: [-4.0, 34.0]}
      image_sigma_px: 1.5
    signal_groups:
      - id: main
        lamps:
          - {head: [0.80, 0.10, 0.82, 0.20]}
      - id: side
        lamps:
          - {red: [0.10, 0.10, 0.12, 0.12], green: [0.10, 0.14, 0.12, 0.16]}
    lanes:
      - id: north-1
        polygon: [[0.25, 0.90], [0.50, 0.90], [0.50, 0.50], [0.42, 0.50]]
        direction: [[0.37, 0.88], [0.46, 0.52]]
        speed_limit_kmh: 50
        speed_limit_by_class_kmh: {truck: 40}
        classes: [car, truck]
      - id: north-2
        polygon: [[0.50, 0.90], [0.75, 0.90], [0.58, 0.50], [0.50, 0.50]]
        direction: [[0.62, 0.88], [0.54, 0.52]]
        speed_limit_kmh: 50
    stop_lines:
      - id: stop-north
        line: [[0.31, 0.75], [0.69, 0.75]]
        lanes: [north-1, north-2]
        signal_group: main
        beyond_line: [[0.37, 0.60], [0.63, 0.60]]
        permitted_exits: [[[0.70, 0.50], [0.90, 0.50], [0.90, 0.70]]]
    rules:
      red_light: {grace_s: 0.4}
      stop_over_line:
      wrong_way: {}
      speeding: {tolerance_kmh: 3, tolerance_by_class_kmh: {bus: 5}}
"""

SECTIONS = """\
version: 1
cameras:
  - id: gates
    coordinates: {unit: pixels, reference_size: [1280, 720]}
    lanes:
      - id: down
        polygon: [[300, 100], [500, 100], [600, 700], [200, 700]]
        direction: [[400, 120], [400, 680]]
        speed_limit_kmh: 80
    speed_sections:
      - id: gate
        lanes: [down]
        entry: [[280, 200], [520, 200]]
        exit: [[220, 600], [580, 600]]
        length_m: 25.0
        length_sigma_m: 0.1
    rules:
      speeding:
"""


def bent(text: str, *changes: tuple[str, str]) -> str:
    """The text with each old piece replaced by a new one; each must be there."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the text"
        text = text.replace(old, new, 1)
    return text


def write(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path
