"""Mistakes people make in a site file: what they change, and every line they are told."""

from tests.config.files import GOOD, SECTIONS, bent

Case = tuple[str, str]

NO_CALIBRATION = GOOD[: GOOD.index("    calibration:")] + GOOD[GOOD.index("    signal_groups:") :]

CASES: dict[str, str] = {
    "unknown key": bent(GOOD, ("        signal_group: main", "        signal_gruop: main")),
    "unknown key far from any": bent(GOOD, ("version: 1", "version: 1\nzzz: 3")),
    "missing key": bent(GOOD, ("        direction: [[0.62, 0.88], [0.54, 0.52]]\n", "")),
    "duplicate camera id": GOOD + GOOD[GOOD.index("  - id: demo") :],
    "duplicate lane id": bent(GOOD, ("id: north-2", "id: north-1")),
    "duplicate signal group id": bent(GOOD, ("id: side", "id: main")),
    "duplicate key": bent(GOOD, ("    name: Sim", "    name: One\n    name: Sim")),
    "upper-case id": bent(GOOD, ("id: demo-junction", "id: Demo Junction")),
    "id that is a number": bent(GOOD, ("id: side", "id: 2")),
    "id that climbs out of its folder": bent(GOOD, ("id: demo-junction", "id: ../../etc")),
    "self-intersecting polygon": bent(
        GOOD,
        ("[0.50, 0.90], [0.50, 0.50], [0.42, 0.50]]", "[0.50, 0.50], [0.50, 0.90], [0.42, 0.50]]"),
    ),
    "polygon of two points": bent(GOOD, (", [0.50, 0.50], [0.42, 0.50]]", "]")),
    "polygon without area": bent(
        GOOD, ("[0.50, 0.50], [0.42, 0.50]]", "[0.60, 0.90], [0.30, 0.90]]")
    ),
    "stop line outside the picture": bent(GOOD, ("[0.69, 0.75]]", "[1.2, 0.75]]")),
    "lane outside the picture": bent(GOOD, ("polygon: [[0.25, 0.90]", "polygon: [[-0.25, 0.90]")),
    "lamp outside the picture": bent(GOOD, ("head: [0.80, 0.10, 0.82", "head: [0.80, 0.10, 1.82")),
    "pixels where fractions are meant": bent(
        GOOD, ("line: [[0.31, 0.75], [0.69, 0.75]]", "line: [[397, 540], [883, 540]]")
    ),
    "fractions where pixels are meant": bent(
        SECTIONS, ("entry: [[280, 200], [520, 200]]", "entry: [[0.2, 0.3], [0.4, 0.3]]")
    ),
    "pixels without a reference size": bent(SECTIONS, (", reference_size: [1280, 720]", "")),
    "reference size of one number": bent(SECTIONS, ("[1280, 720]", "[1280]")),
    "box with its corners swapped": bent(
        GOOD, ("[0.80, 0.10, 0.82, 0.20]", "[0.82, 0.20, 0.80, 0.10]")
    ),
    "detection region without height": bent(
        GOOD, ("[[0.0, 0.2, 1.0, 1.0]]", "[[0.0, 0.2, 1.0, 0.2]]")
    ),
    "point of one number": bent(
        GOOD, ("[0.42, 0.50]]\n        direction", "[0.42]]\n        direction")
    ),
    "three calibration points": bent(
        GOOD, ("        - {image: [0.42, 0.50], ground_m: [-4.0, 34.0]}\n", "")
    ),
    "three collinear points among four": bent(
        GOOD,
        (
            "{image: [0.42, 0.50], ground_m: [-4.0, 34.0]}",
            "{image: [0.50, 0.90], ground_m: [0.0, 10.0]}",
        ),
    ),
    "ground points in another order": bent(
        GOOD,
        ("ground_m: [-4.0, 10.0]", "ground_m: [4.0, 34.0]"),
        ("0.50], ground_m: [4.0, 34.0]", "0.50], ground_m: [-4.0, 10.0]"),
    ),
    "mirrored ground": bent(
        GOOD,
        ("[-4.0, 10.0]", "[A, 10.0]"),
        ("[4.0, 10.0]", "[-4.0, 10.0]"),
        ("[A, 10.0]", "[4.0, 10.0]"),
        ("[4.0, 34.0]", "[B, 34.0]"),
        ("[-4.0, 34.0]", "[4.0, 34.0]"),
        ("[B, 34.0]", "[-4.0, 34.0]"),
    ),
    "calibration points of two kinds": bent(
        GOOD, ("ground_m: [4.0, 10.0]", "lon_lat: [105.81, 21.02]")
    ),
    "latitude before longitude": bent(
        GOOD,
        ("ground_m: [-4.0, 10.0]", "lon_lat: [21.02, 105.81]"),
        ("ground_m: [4.0, 10.0]", "lon_lat: [105.8101, 21.02]"),
        ("ground_m: [4.0, 34.0]", "lon_lat: [105.8101, 21.0202]"),
        ("ground_m: [-4.0, 34.0]", "lon_lat: [105.81, 21.0202]"),
    ),
    "calibration point without a place": bent(GOOD, (", ground_m: [4.0, 10.0]", "")),
    "points and distances": bent(
        GOOD,
        (
            "      image_sigma_px: 1.5",
            "      distances:\n        - {image: [[0.3, 0.8], [0.3, 0.7]], distance_m: 9.0}",
        ),
    ),
    "calibration with nothing in it": bent(
        GOOD,
        (
            GOOD[GOOD.index("      points:") : GOOD.index("    signal_groups")],
            "      image_sigma_px: 1\n",
        ),
    ),
    "too few distances": bent(
        GOOD,
        (
            GOOD[GOOD.index("      points:") : GOOD.index("    signal_groups")],
            "      distances:\n"
            "        - {image: [[0.3, 0.8], [0.3, 0.7]], distance_m: 9.0, along: true}\n",
        ),
    ),
    "calibrated area that crosses the horizon": bent(
        GOOD,
        (
            "      image_sigma_px: 1.5",
            "      valid_area: [[0.2, 0.9], [0.8, 0.9], [0.8, 0.0], [0.2, 0.0]]",
        ),
    ),
    "lane that does not exist": bent(
        GOOD, ("lanes: [north-1, north-2]", "lanes: [north-1, nort-2]")
    ),
    "signal group that does not exist": bent(GOOD, ("signal_group: main", "signal_group: mian")),
    "direction outside its lane": bent(
        GOOD, ("direction: [[0.37, 0.88], [0.46, 0.52]]", "direction: [[0.62, 0.88], [0.54, 0.52]]")
    ),
    "direction of no length": bent(
        GOOD, ("direction: [[0.37, 0.88], [0.46, 0.52]]", "direction: [[0.37, 0.88], [0.37, 0.88]]")
    ),
    "direction along the stop line": bent(
        GOOD, ("direction: [[0.37, 0.88], [0.46, 0.52]]", "direction: [[0.36, 0.80], [0.49, 0.80]]")
    ),
    "stop line outside its lanes": bent(
        GOOD, ("line: [[0.31, 0.75], [0.69, 0.75]]", "line: [[0.80, 0.75], [0.95, 0.75]]")
    ),
    "beyond line before the stop line": bent(
        GOOD,
        ("beyond_line: [[0.37, 0.60], [0.63, 0.60]]", "beyond_line: [[0.28, 0.85], [0.72, 0.85]]"),
    ),
    "lanes that run against each other on one place": bent(
        GOOD,
        (
            "polygon: [[0.50, 0.90], [0.75, 0.90], [0.58, 0.50], [0.50, 0.50]]",
            "polygon: [[0.40, 0.90], [0.75, 0.90], [0.58, 0.50], [0.45, 0.50]]",
        ),
        ("direction: [[0.62, 0.88], [0.54, 0.52]]", "direction: [[0.54, 0.52], [0.62, 0.88]]"),
        ("lanes: [north-1, north-2]", "lanes: [north-1]"),
    ),
    "lanes of both directions on one stop line": bent(
        GOOD, ("direction: [[0.62, 0.88], [0.54, 0.52]]", "direction: [[0.54, 0.52], [0.62, 0.88]]")
    ),
    "size without a unit": bent(GOOD, ("{unit: fraction}", "{reference_size: [1280, 720]}")),
    "sections swapped": bent(SECTIONS, ("entry:", "A:"), ("exit:", "entry:"), ("A:", "exit:")),
    "red_light without stop line": bent(
        GOOD, (GOOD[GOOD.index("    stop_lines:") : GOOD.index("    rules:")], "")
    ),
    "red_light without calibration or beyond line": bent(
        NO_CALIBRATION,
        ("        beyond_line: [[0.37, 0.60], [0.63, 0.60]]\n", ""),
        ("      speeding: {tolerance_kmh: 3, tolerance_by_class_kmh: {bus: 5}}\n", ""),
    ),
    "calibrated area that ends at the stop line": bent(
        GOOD,
        ("        beyond_line: [[0.37, 0.60], [0.63, 0.60]]\n", ""),
        (
            "      image_sigma_px: 1.5",
            "      valid_area: [[0.2, 0.95], [0.8, 0.95], [0.7, 0.74], [0.3, 0.74]]",
        ),
    ),
    "speeding without calibration or sections": NO_CALIBRATION,
    "speeding without limits": bent(SECTIONS, ("        speed_limit_kmh: 80\n", "")),
    "wrong_way without lanes": "version: 1\ncameras:\n  - id: a\n    rules:\n      wrong_way:\n",
    "no rules": bent(SECTIONS, ("    rules:\n      speeding:\n", "")),
    "two ways to measure speed": bent(
        GOOD,
        (
            "    rules:",
            "    speed_sections:\n"
            "      - {id: gate, lanes: [north-1], entry: [[0.3, 0.8], [0.5, 0.8]], "
            "exit: [[0.4, 0.6], [0.5, 0.6]], length_m: 12}\n"
            "    rules:",
        ),
    ),
    "rule that does not exist": bent(
        GOOD, ("red_light: {grace_s: 0.4}", "red_lihgt: {grace_s: 0.4}")
    ),
    "rule switched on with true": bent(GOOD, ("wrong_way: {}", "wrong_way: true")),
    "rule parameter that does not exist": bent(GOOD, ("{grace_s: 0.4}", "{grace: 0.4}")),
    "rule parameter out of range": bent(GOOD, ("{grace_s: 0.4}", "{grace_s: -1}")),
    "grace in milliseconds": bent(GOOD, ("{grace_s: 0.4}", "{grace_s: 400}")),
    "places in centimetres": bent(
        GOOD,
        ("ground_m: [-4.0, 10.0]", "ground_m: [-400, 1000]"),
        ("ground_m: [4.0, 10.0]", "ground_m: [400, 1000]"),
        ("ground_m: [4.0, 34.0]", "ground_m: [400, 3400]"),
        ("ground_m: [-4.0, 34.0]", "ground_m: [-400, 3400]"),
    ),
    "parameters that need a calibration": bent(
        SECTIONS,
        (
            "      speeding:\n",
            "      speeding: {min_baseline_m: 15, min_points: 8, max_gate_difference: 0.2, "
            "max_uncertainty: 0.02}\n      wrong_way: {min_distance_m: 5}\n",
        ),
    ),
    "distance over the line without a calibration": bent(
        NO_CALIBRATION,
        ("      stop_over_line:\n", "      stop_over_line: {min_distance_m: 1.0}\n"),
        ("      speeding: {tolerance_kmh: 3, tolerance_by_class_kmh: {bus: 5}}\n", ""),
    ),
    "limit of zero": bent(GOOD, ("speed_limit_kmh: 50", "speed_limit_kmh: 0")),
    "limit of 500": bent(GOOD, ("speed_limit_kmh: 50", "speed_limit_kmh: 500")),
    "limit with its unit": bent(GOOD, ("speed_limit_kmh: 50", "speed_limit_kmh: 50 km/h")),
    "limit that is not a number": bent(GOOD, ("speed_limit_kmh: 50", "speed_limit_kmh: .nan")),
    "class that does not exist": bent(GOOD, ("classes: [car, truck]", "classes: [car, lorry]")),
    "limit for a class that does not exist": bent(GOOD, ("{truck: 40}", "{trucks: 40}")),
    "signal group with lamps and feed": bent(
        GOOD, ("      - id: side\n", "      - id: side\n        feed: {csv: site.yaml}\n")
    ),
    "feed file that is not there": bent(
        GOOD,
        (
            GOOD[GOOD.index("        lamps:\n          - {red:") : GOOD.index("    lanes:")],
            "        feed: {csv: log.csv}\n",
        ),
    ),
    "feed that is no signal log": bent(
        GOOD,
        (
            GOOD[GOOD.index("        lamps:\n          - {red:") : GOOD.index("    lanes:")],
            "        feed: {csv: site.yaml}\n",
        ),
    ),
    "head too small to be read": bent(
        SECTIONS,
        (
            "    lanes:",
            "    signal_groups:\n      - {id: main, lamps: [{head: [10, 10, 13, 16]}]}\n    lanes:",
        ),
    ),
    "lamp too small to be read": bent(
        SECTIONS,
        (
            "    lanes:",
            "    signal_groups:\n      - {id: main, lamps: [{red: [10, 10, 12, 16]}]}\n    lanes:",
        ),
    ),
    "lamps without red": bent(GOOD, ("{red: [0.10, 0.10, 0.12, 0.12], ", "{")),
    "head and lamps": bent(GOOD, ("{red: ", "{head: [0.1, 0.1, 0.12, 0.16], red: ")),
    "start time without offset": bent(GOOD, ("08:00:00+01:00", "08:00:00")),
    "start time outside the calendar": bent(
        GOOD, ("2026-03-02T08:00:00+01:00", "0001-01-01T00:00:00+07:00")
    ),
    "start time unquoted is fine, start pattern beside it is not": bent(
        GOOD,
        (
            '"2026-03-02T08:00:00+01:00"',
            '2026-03-02T08:00:00+01:00\n    start_time_pattern: "%Y%m%d%H%M"',
        ),
    ),
    "start pattern without hour": bent(
        GOOD, ('start_time: "2026-03-02T08:00:00+01:00"', 'start_time_pattern: "cam_%Y%m%d"')
    ),
    "start pattern with only a time": bent(
        GOOD, ('start_time: "2026-03-02T08:00:00+01:00"', 'start_time_pattern: "cam_%H%M"')
    ),
    "start pattern with an unknown code": bent(
        GOOD, ('start_time: "2026-03-02T08:00:00+01:00"', 'start_time_pattern: "%Y%m%d%H%Q"')
    ),
    "start pattern with the suffix": bent(
        GOOD,
        ('start_time: "2026-03-02T08:00:00+01:00"', 'start_time_pattern: "cam_%Y%m%d%H%M.mp4"'),
    ),
    "time zone that does not exist": bent(GOOD, ("Europe/Berlin", "Europe/Berln")),
    "another version": bent(GOOD, ("version: 1", "version: 2")),
    "no version": bent(GOOD, ("version: 1\n", "")),
    "no camera": "version: 1\ncameras: []\n",
    "password in the file": bent(GOOD, ("${CAM_USER}:${CAM_PASSWORD}", "admin:hunter2")),
    "a list": "- 1\n- 2\n",
    "a word": "hello\n",
    "one mistake of each kind at once": bent(
        GOOD,
        ("id: demo-junction", "id: Demo Junction"),
        ("signal_group: main", "signal_group: mian"),
        ("[0.50, 0.90], [0.50, 0.50], [0.42, 0.50]]", "[0.50, 0.50], [0.50, 0.90], [0.42, 0.50]]"),
        ("speed_limit_kmh: 50", "speed_limit_kmh: 500"),
        ("wrong_way: {}", "wrnog_way: {}"),
    ),
    "retention with its days given twice": GOOD
    + "retention: {speeding: {days: 30, gb: 5}}\nretention_days: {speeding: 30}\n",
    "retention of nothing": GOOD + "retention: {speeding: {gb: 0}, wrong_way: 30}\n",
    "delivery to nobody": GOOD + "delivery: {outbox: {max_mb: 10}}\n",
    "delivery to other addresses": GOOD
    + """\
delivery:
  mqtt: {broker: "tcp://broker:1883", prefix: traffic/#}
  webhooks:
    - {url: "ftp://office/hook", secret: "${HOOK_SECRET}"}
    - {name: webhook, url: office, secret: "${HOOK_SECRET}"}
    - {name: mqtt, url: "https://office/hook", secret: "${HOOK_SECRET}", ca_file: none.pem}
""",
    "delivery with secrets in the file": GOOD
    + """\
delivery:
  mqtt: {broker: "mqtt://gate:hunter2@broker.example"}
  webhooks:
    - {url: "http://office.example/hook", secret: "hunter2hunter2hunter2"}
    - {name: other, url: "http://127.0.0.1:8000/hook", secret: "${NO_SUCH_SECRET}"}
""",
}
