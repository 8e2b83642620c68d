"""Stills and clips of recorded files: the pictures and times the analysis saw."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.made import packets, remux, steady, write_video, x264
from traffic_ai.core.errors import EvidenceError
from traffic_ai.sources.file import VideoFile
from traffic_ai.sources.footage import FileFootage
from traffic_ai.sources.reading import Reading

SHARED = Path(__file__).parents[2].parent / "shared" / "footage"
TS = Fraction(1, 90_000)


def frames_of(path):
    video = VideoFile(path, "gate")
    frames = list(video.frames())
    video.close()
    return frames


def make_all(folder):
    """Recordings of about 4 s, each with another way to keep time."""
    uneven = [0, *np.cumsum(np.random.default_rng(1).integers(5, 90, 99)).tolist()]
    return {
        "plain.mp4": x264(folder / "plain.mp4", steady(100)),
        "b_frames.mp4": x264(folder / "b_frames.mp4", steady(100), b_frames=3),
        "open.mp4": x264(folder / "open.mp4", steady(100), b_frames=3, open_groups=True),
        "open.ts": x264(
            folder / "open.ts",
            [3600 * n for n in range(100)],
            b_frames=3,
            time_base=TS,
            open_groups=True,
        ),
        "vfr.mkv": x264(folder / "vfr.mkv", uneven, b_frames=2),
        "b_frames.avi": x264(
            folder / "b_frames.avi", range(100), b_frames=3, time_base=Fraction(1, 25)
        ),
        "plain.avi": x264(folder / "plain.avi", range(100), time_base=Fraction(1, 25)),
        "ts.ts": x264(folder / "ts.ts", [3600 * n for n in range(100)], b_frames=2, time_base=TS),
        "mpeg4.avi": write_video(
            folder / "mpeg4.avi", range(100), codec="mpeg4", time_base=Fraction(1, 25)
        ),
        "one_group.mp4": x264(folder / "one_group.mp4", steady(100), key_every=500),
        "late.mkv": x264(folder / "late.mkv", [9000 + 40 * n for n in range(100)], b_frames=3),
    }


NAMES = [
    "plain.mp4",
    "b_frames.mp4",
    "open.mp4",
    "open.ts",
    "vfr.mkv",
    "b_frames.avi",
    "plain.avi",
    "ts.ts",
    "mpeg4.avi",
    "one_group.mp4",
    "late.mkv",
]


def test_the_open_groups_are_open(recordings):
    path, _ = recordings["open.mp4"]
    key_frames = [pts for pts, is_key, _ in packets(path) if is_key]
    leading = [
        pts
        for (before, is_key, _), (pts, _, _) in pairwise(packets(path))
        if is_key and pts < before
    ]
    assert len(key_frames) == 10
    assert len(leading) == 9


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Each recording's path and all its frames."""
    made = make_all(tmp_path_factory.mktemp("recordings"))
    return {name: (path, frames_of(path)) for name, path in made.items()}


@pytest.mark.parametrize("at", [30, 31, 50])
def test_pictures_that_repeat_a_stamp_do_not_become_stills(tmp_path, at):
    source = write_video(tmp_path / "a.mkv", steady(100), codec="mjpeg", key_every=1)

    def repeat(number, packet):
        packet.dts -= 40  # MP4 takes a display time twice, a decoding time but once
        if number == at:
            packet.pts = 40 * (at - 1)
        return packet

    path = remux(source, tmp_path / "b.mp4", repeat)
    frames = frames_of(path)
    assert len(frames) == 99
    footage = FileFootage(path, "gate")
    for t_s in (0.04 * at - 0.02, 0.04 * at + 0.02, 0.04 * at + 0.05):
        [still] = footage.stills([t_s])
        assert np.array_equal(still.image, shown_at(frames, t_s).image)


def shown_at(frames, t_s):
    earlier = [frame for frame in frames if frame.info.t_s <= t_s]
    return earlier[-1] if earlier else frames[0]


# -- stills ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(times_s=st.lists(st.floats(-1.0, 3.9), min_size=1, max_size=4))
def test_a_still_is_the_very_frame_of_a_full_reading(recordings, name, times_s):
    path, frames = recordings[name]
    footage = FileFootage(path, "gate")
    stills = footage.stills(times_s)
    footage.close()
    for t_s, still in zip(times_s, stills, strict=True):
        expected = shown_at(frames, t_s)
        assert still.info.t_s == expected.info.t_s
        assert still.info.degraded == expected.info.degraded
        assert np.array_equal(still.image, expected.image)


@pytest.mark.parametrize("name", NAMES)
def test_a_still_at_a_frames_own_time_is_that_frame(recordings, name):
    path, frames = recordings[name]
    footage = FileFootage(path, "gate")
    for number in (0, 1, 9, 10, 11, 57, 99):
        [still] = footage.stills([frames[number].info.t_s])
        assert np.array_equal(still.image, frames[number].image)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(st.lists(st.floats(-1.0, 3.9), min_size=1, max_size=3), max_size=5))
def test_a_foreseen_still_is_the_very_frame_of_a_full_reading(recordings, name, asked):
    path, frames = recordings[name]
    footage = FileFootage(path, "gate")
    for times_s in asked:
        footage.foresee([*times_s, 60.0])  # what the file has not hinders nothing
    for times_s in asked:
        for t_s, still in zip(times_s, footage.stills(times_s), strict=True):
            expected = shown_at(frames, t_s)
            assert still.info.t_s == expected.info.t_s
            assert np.array_equal(still.image, expected.image)
    footage.close()


def test_foreseen_stills_are_taken_along(recordings, monkeypatch):
    path, frames = recordings["one_group.mp4"]
    footage = FileFootage(path, "gate")
    for times_s in ([1.0, 1.5], [0.9, 1.2], [1.2]):
        footage.foresee(times_s)
    footage.stills([1.0, 1.5])
    monkeypatch.setattr(Reading, "seek", None)  # nothing is read any more
    for times_s in ([0.9, 1.2], [1.2]):
        stills = footage.stills(times_s)
        assert [s.info.t_s for s in stills] == [shown_at(frames, t).info.t_s for t in times_s]
    with pytest.raises(TypeError):
        footage.stills([1.2])  # once more than was foreseen


def test_stills_come_in_the_order_asked_for(recordings):
    path, frames = recordings["plain.mp4"]
    stills = FileFootage(path, "gate").stills([3.0, 0.5, 3.0])
    assert [still.info.t_s for still in stills] == [
        shown_at(frames, t_s).info.t_s for t_s in (3.0, 0.5, 3.0)
    ]


def test_a_still_beyond_the_end_is_refused_with_the_end(recordings):
    path, _ = recordings["plain.mp4"]
    with pytest.raises(EvidenceError, match=r"plain\.mp4 ends at 3\.960 s, before 9\.000 s"):
        FileFootage(path, "gate").stills([1.0, 9.0])


def test_a_file_that_has_gone_is_said(tmp_path):
    footage = FileFootage(tmp_path / "gone.mp4", "gate")
    with pytest.raises(EvidenceError, match="no such file"):
        footage.stills([1.0])
    with pytest.raises(EvidenceError, match="no such file"):
        footage.clip(0.0, 1.0, tmp_path / "clip")


# -- clips -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if n != "b_frames.avi"])
@pytest.mark.parametrize(("start_s", "end_s"), [(-6.0, 1.0), (1.3, 2.6), (2.0, 9.0), (3.95, 3.96)])
def test_a_clip_keeps_the_packets_and_plays_from_its_first_frame(
    recordings, tmp_path, name, start_s, end_s
):
    path, frames = recordings[name]
    clip = FileFootage(path, "gate").clip(start_s, end_s, tmp_path / "clip")
    assert not clip.reencoded
    assert clip.path == tmp_path / "clip.mp4"
    assert clip.start_s <= max(start_s, 0.0)
    assert clip.end_s >= min(end_s, frames[-1].info.t_s) - 0.09
    played = frames_of(clip.path)
    source = [f for f in frames if clip.start_s - 1e-6 <= f.info.t_s <= clip.end_s + 1e-6]
    assert len(played) == len(source)
    for mine, theirs in zip(played, source, strict=True):
        assert mine.info.t_s + clip.start_s == pytest.approx(theirs.info.t_s, abs=0.002)
        assert np.array_equal(mine.image, theirs.image)
        assert not mine.info.degraded
    stamps = [pts for pts, _, _ in packets(clip.path)]
    assert min(stamps) == 0


def test_the_compressed_pictures_are_the_sources_byte_for_byte(recordings, tmp_path):
    path, _ = recordings["b_frames.mp4"]
    clip = FileFootage(path, "gate").clip(1.3, 2.6, tmp_path / "clip")
    source = [data for _, _, data in packets(path)]
    kept = [data for _, _, data in packets(clip.path)]
    at = source.index(kept[0])
    assert kept == source[at : at + len(kept)]


def test_a_clip_begins_at_the_last_key_frame_before_the_moment(recordings, tmp_path):
    path, _ = recordings["plain.mp4"]  # a key frame every 0.4 s
    clip = FileFootage(path, "gate").clip(1.3, 2.6, tmp_path / "clip")
    assert clip.start_s == pytest.approx(1.2)
    assert clip.end_s == pytest.approx(2.6)


def test_where_avi_does_not_tell_display_times_the_clip_is_encoded_anew(recordings, tmp_path):
    path, frames = recordings["b_frames.avi"]
    clip = FileFootage(path, "gate").clip(1.3, 2.6, tmp_path / "clip")
    assert clip.reencoded
    assert clip.start_s == pytest.approx(1.28)
    played = frames_of(clip.path)
    source = [f for f in frames if clip.start_s - 1e-6 <= f.info.t_s <= clip.end_s + 1e-6]
    assert [f.info.t_s for f in played] == pytest.approx(
        [f.info.t_s - clip.start_s for f in source], abs=0.001
    )
    worst = max(
        np.abs(a.image.astype(int) - b.image).mean() for a, b in zip(played, source, strict=True)
    )
    assert worst < 8


def test_a_codec_mp4_does_not_take_goes_into_matroska(tmp_path):
    path = write_video(tmp_path / "a.mkv", steady(40), codec="libvpx")
    clip = FileFootage(path, "gate").clip(0.2, 1.0, tmp_path / "clip")
    assert clip.path == tmp_path / "clip.mkv"
    assert not clip.reencoded
    assert len(frames_of(clip.path)) > 10


def test_two_pictures_at_one_time_cannot_be_kept_as_packets(tmp_path):
    source = write_video(tmp_path / "a.mkv", steady(30), codec="mjpeg", key_every=1)

    def repeat(number, packet):
        if number == 10:
            packet.pts = packet.dts = 360
        return packet

    clip = FileFootage(remux(source, tmp_path / "b.mkv", repeat), "gate").clip(
        0.2, 1.0, tmp_path / "clip"
    )
    assert clip.reencoded
    assert frames_of(clip.path)[0].info.t_s == 0.0


def test_odd_sizes_can_be_encoded_anew(tmp_path):
    path = tmp_path / "odd.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 33, 19, "bgr24"
        image = np.full((19, 33, 3), 120, np.uint8)
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
    clip = FileFootage(path, "gate").clip(0.0, 1.0, tmp_path / "clip")
    assert frames_of(clip.path)[0].image.mean() == pytest.approx(120, abs=3)


def test_a_turned_recording_gives_a_turned_clip(tmp_path):
    path = x264(tmp_path / "a.mp4", steady(30), rotation_deg=90)
    clip = FileFootage(path, "gate").clip(0.0, 1.0, tmp_path / "clip")
    assert not clip.reencoded
    assert np.array_equal(frames_of(clip.path)[0].image, frames_of(path)[0].image)


@pytest.mark.parametrize("name", ["plain.mp4", "b_frames.avi"])
def test_a_clip_of_nothing_is_refused(recordings, tmp_path, name):
    path, _ = recordings[name]
    with pytest.raises(EvidenceError):
        FileFootage(path, "gate").clip(60.0, 66.0, tmp_path / "clip")
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_cannot_be_written_leaves_nothing_behind(recordings, tmp_path):
    path, _ = recordings["plain.mp4"]
    with pytest.raises(EvidenceError):
        FileFootage(path, "gate").clip(0.0, 1.0, tmp_path / "gone" / "clip")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_clip_of_that_name_is_replaced_whole(recordings, tmp_path):
    path, _ = recordings["plain.mp4"]
    (tmp_path / "clip.mp4").write_bytes(b"old")
    clip = FileFootage(path, "gate").clip(0.0, 1.0, tmp_path / "clip")
    assert frames_of(clip.path)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


# -- real recordings ---------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no footage beside the checkout")
@pytest.mark.parametrize(
    "name",
    [
        "redlight_bangkok_352x288.mp4",
        "intersection_bangkok_day_640x360.mp4",  # begins with pictures that are not to be shown
        "divided_road_lanes_640x480.avi",
        "motorway_uk_2way_320x240.avi",
        "opendatacam_junction_640x360_30fps.mp4",
    ],
)
def test_stills_of_real_recordings_are_those_of_a_full_reading(name, tmp_path):
    path = SHARED / name
    wanted = [0.0, 1.234, 2.5, 3.777, 4.9]
    video = VideoFile(path, "gate")
    expected = {}
    for frame in video.frames():
        for t_s in wanted:
            if frame.info.t_s <= t_s:
                expected[t_s] = frame
        if frame.info.t_s > 5.0:
            break
    video.close()
    footage = FileFootage(path, "gate")
    for t_s, still in zip(wanted, footage.stills(wanted), strict=True):
        assert still.info.t_s == expected[t_s].info.t_s
        assert np.array_equal(still.image, expected[t_s].image)
    clip = footage.clip(2.0, 4.0, tmp_path / "clip")
    assert clip.start_s <= 2.0
    assert not frames_of(clip.path)[0].info.degraded
