"""The committed sample: small, complete, and in step with the script."""

import json
from pathlib import Path

import av
import numpy as np

from traffic_ai.simulate import scenario
from traffic_ai.simulate.layout import CAMERA
from traffic_ai.simulate.site_file import site_text
from traffic_ai.simulate.truth import TruthRecorder, exact_box_px, violations

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_videos"
TRUTH = json.loads((SAMPLE / "junction.truth.json").read_text(encoding="utf-8"))


def test_the_files_are_small() -> None:
    assert (SAMPLE / "junction.mp4").stat().st_size < 4_500_000
    assert (SAMPLE / "junction.truth.json").stat().st_size < 1_500_000


def test_the_video_has_every_frame_at_its_time_and_frequent_key_frames() -> None:
    with av.open(str(SAMPLE / "junction.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    times_s = sorted(float(packet.pts * packet.time_base) for packet in packets)
    assert np.allclose(times_s, np.arange(TRUTH["frames"]) / 25)
    keys_s = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
    assert max(np.diff([*keys_s, TRUTH["duration_s"]])) <= 2.0


def test_the_truth_is_what_the_script_says() -> None:
    assert TRUTH["violations"] == violations(scenario.trips())
    trips = {trip.id: trip for trip in scenario.trips()}
    assert {vehicle["id"] for vehicle in TRUTH["vehicles"]} == set(trips)
    for vehicle in TRUTH["vehicles"]:
        counts = {len(vehicle[key]) for key in ("ground_m", "speed_mps", "box_px", "visible")}
        assert len(counts) == 1
        middle = counts.pop() // 2
        t_s = (vehicle["first_frame"] + middle) / 25
        trip = trips[vehicle["id"]]
        found = exact_box_px(trip, t_s, CAMERA)
        assert found is not None
        assert np.allclose(vehicle["box_px"][middle], found[0], atol=0.051)
        pose = trip.pose(t_s)
        assert np.allclose(vehicle["ground_m"][middle], [pose.x_m, pose.y_m], atol=0.001)


def test_recording_is_repeatable() -> None:
    documents = []
    for _ in range(2):
        recorder = TruthRecorder(CAMERA, seed=7)
        for index in range(250, 260):
            trips = scenario.present_trips(index / 25)
            recorder.add(index, index / 25, trips, {trip.id: 1.0 for trip in trips})
        documents.append(recorder.document(np.arange(1050) / 25))
    assert documents[0] == documents[1]


def test_the_site_file_is_computed_from_the_camera() -> None:
    assert (ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8") == site_text(CAMERA)
