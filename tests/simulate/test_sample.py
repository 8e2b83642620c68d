"""The committed sample: small, complete, and what its scenario says."""

import json
from pathlib import Path

import av
import numpy as np

from traffic_ai.simulate.site import site_text
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.simulate.truth_file import truth_document

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_videos"
TRUTH = json.loads((SAMPLE / "junction.truth.json").read_text(encoding="utf-8"))
WORLD = make_world(load_scenario("demo-junction"))


def test_the_files_are_small() -> None:
    assert (SAMPLE / "junction.mp4").stat().st_size < 4_500_000
    assert (SAMPLE / "junction.truth.json").stat().st_size < 1_500_000


def test_the_video_has_every_frame_at_its_time_and_frequent_key_frames() -> None:
    with av.open(str(SAMPLE / "junction.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    times_s = sorted(float(packet.pts * packet.time_base) for packet in packets)
    assert np.allclose(times_s, WORLD.timing.stamps_s, atol=1e-5)
    keys_s = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
    assert max(np.diff([*keys_s, TRUTH["duration_s"]])) <= 2.0 + 1e-6


def test_the_truth_is_that_of_the_scenario() -> None:
    document = json.loads(json.dumps(truth_document(WORLD)))
    assert TRUTH["violations"] == document["violations"]
    assert len(TRUTH["vehicles"]) == len(document["vehicles"]) == 19
    for written, expected in zip(TRUTH["vehicles"], document["vehicles"], strict=True):
        for key in ("id", "class", "first_frame", "ground_m", "speed_mps", "box_px"):
            assert written[key] == expected[key]


def test_hiding_is_known() -> None:
    shares = np.concatenate([vehicle["visible"] for vehicle in TRUTH["vehicles"]])
    assert shares.min() < 0.3
    assert np.median(shares) > 0.9


def test_the_violations_are_those_of_the_story_and_clear_cut() -> None:
    found = {(one["kind"], one["vehicle"]): one for one in TRUTH["violations"]}
    assert sorted(found) == [
        ("red_light", 5),
        ("red_light", 11),
        ("speeding", 1),
        ("speeding", 16),
        ("stop_over_line", 6),
        ("wrong_way", 19),
    ]
    assert all(one["certain"] for one in found.values())
    assert found["red_light", 11]["time_into_red_s"] == 0.9
    assert found["red_light", 5]["time_into_red_s"] == 3.2
    assert 2.2 < found["stop_over_line", 6]["front_over_line_m"] < 2.6
    assert found["wrong_way", 19]["driven_m"] > 50
    assert [found["speeding", i]["speed_kmh"] for i in (1, 16)] == [72.0, 86.0]


def test_the_site_file_is_computed_from_the_camera() -> None:
    text = site_text(
        WORLD, "../sample_videos/junction.mp4", "../sample_videos/junction.signals.csv"
    )
    assert (ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8") == text
