"""Recorded files: true times, upright pictures, damage told, refusals that say why."""

import hashlib
import os
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.sources.made import picture, remux, steady, write_video, x264
from traffic_ai.core.errors import SourceError, SourceNotFoundError
from traffic_ai.core.frame import ClockSource
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.sources.start_time import CapturedStart

SHARED = Path(__file__).parents[2].parent / "shared" / "footage"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no footage beside the checkout")


def read(path, **options):
    """All frames of a file, and the file."""
    video = VideoFile(path, "gate", **options)
    frames = list(video.frames())
    video.close()
    return frames, video


def times(frames):
    return [frame.info.t_s for frame in frames]


def looks_like(image, number, size=(96, 64)):
    """Whether an image is the made picture of that number rather than a neighbour's."""

    def distance(n):
        return np.abs(image.astype(int) - picture(n, size)).mean()

    return distance(number) < min(distance(number - 1), distance(number + 1))


# -- time --------------------------------------------------------------------------------------


def test_a_varying_frame_rate_keeps_its_times(tmp_path):
    stamps = [0, 40, 90, 400, 433, 1000, 1001, 61_500]
    frames, video = read(x264(tmp_path / "vfr.mkv", stamps))
    assert times(frames) == pytest.approx([s / 1000 for s in stamps], abs=1e-9)
    assert not any(frame.info.degraded for frame in frames)
    assert [frame.info.index for frame in frames] == list(range(8))
    assert video.position_s == pytest.approx(61.5)


def test_time_counts_from_the_first_picture_shown(tmp_path):
    frames, _ = read(x264(tmp_path / "late.mkv", [7000, 7040, 7100]))
    assert times(frames) == pytest.approx([0.0, 0.04, 0.1])


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_b_pictures_need_no_repair_where_display_times_are_kept(tmp_path, name):
    frames, video = read(x264(tmp_path / name, steady(30), b_frames=3))
    assert times(frames) == pytest.approx([0.04 * n for n in range(30)])
    assert video.report.notes() == []
    assert all(looks_like(frame.image, n) for n, frame in enumerate(frames))


def test_b_pictures_in_avi_are_shown_in_order_at_sorted_times(tmp_path):
    path = x264(tmp_path / "b.avi", range(30), b_frames=3, time_base=Fraction(1, 25))
    with av.open(str(path)) as container:
        raw = [frame.pts for frame in container.decode(video=0)]
    assert raw != sorted(raw)  # else this tests nothing
    frames, video = read(path)
    assert times(frames) == pytest.approx([0.04 * n for n in range(30)])
    assert all(looks_like(frame.image, n) for n, frame in enumerate(frames))
    moved = [frame.info.degraded for frame in frames]
    assert moved == [a != b for a, b in zip(raw, sorted(raw), strict=True)]
    assert video.report.repaired == sum(moved)


def test_a_picture_that_repeats_a_time_is_dropped_and_counted(tmp_path):
    source = write_video(tmp_path / "a.mkv", steady(12), codec="mjpeg", key_every=1)

    def repeat(number, packet):
        if number in (4, 5):
            packet.pts = packet.dts = 120
        return packet

    frames, video = read(remux(source, tmp_path / "b.mkv", repeat))
    assert times(frames) == pytest.approx([0, 0.04, 0.08, 0.12, *(0.04 * n for n in range(6, 12))])
    assert video.report.dropped_repeated == 2
    assert "2 frames dropped: they repeat a time stamp" in video.report.notes()


@pytest.mark.parametrize("count", [12, 150])
def test_a_file_whose_stamps_stand_still_is_refused(tmp_path, count):
    source = write_video(tmp_path / "a.mkv", steady(count), codec="mjpeg", key_every=1)

    def stop(number, packet):
        packet.pts = packet.dts = 0
        return packet

    path = remux(source, tmp_path / "b.mkv", stop)
    with pytest.raises(SourceError, match=r"no usable time stamp.*setts"):
        read(path)


def test_a_bare_stream_is_refused_since_its_rate_would_be_made_up(tmp_path):
    path = x264(tmp_path / "a.h264", steady(10), container="h264")
    with pytest.raises(SourceError, match=r"without time stamps.*-framerate RATE"):
        VideoFile(path, "gate")


def test_wall_clock_time_is_the_start_and_the_time_since(tmp_path):
    start = CapturedStart(datetime(2026, 5, 1, 3, tzinfo=UTC), ClockSource.FILE_NAME, 60.0)
    frames, _ = read(x264(tmp_path / "a.mp4", steady(3)), start=start)
    moments = [frame.info.captured_at for frame in frames]
    assert [m.utc - start.utc for m in moments] == [timedelta(seconds=0.04 * n) for n in range(3)]
    assert {(m.source, m.bound_s) for m in moments} == {(ClockSource.FILE_NAME, 60.0)}


def test_unknown_wall_clock_time_stays_unknown(tmp_path):
    frames, _ = read(x264(tmp_path / "a.mp4", steady(2)))
    assert [frame.info.captured_at for frame in frames] == [None, None]


# -- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rotation_deg", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_the_containers_rotation_is_applied(tmp_path, rotation_deg, turns):
    frames, video = read(x264(tmp_path / "a.mp4", steady(3), rotation_deg=rotation_deg))
    upright = np.rot90(picture(0), turns)
    assert (video.height_px, video.width_px) == upright.shape[:2]
    assert (frames[0].info.height_px, frames[0].info.width_px) == upright.shape[:2]
    assert np.abs(frames[0].image.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("size", [(96, 64), (100, 62), (34, 18)])
def test_images_are_plain_arrays_that_belong_to_the_receiver(tmp_path, size):
    frames, _ = read(x264(tmp_path / "a.mp4", steady(4), size=size))
    for frame in frames:
        assert frame.image.shape == (size[1], size[0], 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.owndata
    kept = [frame.image.copy() for frame in frames[1:]]
    frames[0].image[:] = 0
    assert all(np.array_equal(a.image, b) for a, b in zip(frames[1:], kept, strict=True))


def test_a_picture_is_made_once_when_it_is_asked_for_also_after_the_file_is_closed(tmp_path):
    path = write_video(tmp_path / "a.mp4", steady(3))
    eager = [frame.image.copy() for frame in VideoFile(path, "cam").frames()]
    source = VideoFile(path, "cam")
    late = list(source.frames())
    source.close()
    assert all(np.array_equal(a, frame.image) for a, frame in zip(eager, late, strict=True))
    assert late[0].image is late[0].image


@pytest.mark.parametrize("size", [(320, 240), (352, 288), (100, 62), (34, 18)])
def test_a_part_of_a_picture_has_its_very_pixels(tmp_path, size):
    frames, _ = read(x264(tmp_path / "a.mp4", steady(3), size=size))
    width, height = size
    boxes = [(0, 0, 8, 9), (13, 5, 30, 18), (width - 7, height - 9, width, height), (1, 1, 2, 2)]
    for frame in frames:
        parts = [frame.part(box).copy() for box in boxes]
        assert frame.size_px == size
        for (x0, y0, x1, y1), part in zip(boxes, parts, strict=True):
            assert np.array_equal(part, frame.image[y0:y1, x0:x1])
            assert np.array_equal(frame.part((x0, y0, x1, y1)), part)


def test_a_part_of_a_turned_picture_is_upright(tmp_path):
    frames, _ = read(x264(tmp_path / "a.mp4", steady(3), rotation_deg=90))
    assert np.array_equal(frames[0].part((3, 5, 20, 31)).copy(), frames[0].image[5:31, 3:20])


def test_pictures_stored_as_bgr_are_copied_too(tmp_path):
    path = tmp_path / "raw.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr24"
        for n in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(n), "bgr24")))
    frames, _ = read(path)
    assert all(frame.image.flags.owndata for frame in frames)
    assert all(np.array_equal(frame.image, picture(n)) for n, frame in enumerate(frames))


def test_a_picture_that_changes_size_ends_the_file_with_a_reason(tmp_path):
    parts = []
    for n, size in enumerate([(96, 64), (128, 64)]):
        stamps = range(n * 36_000, (n + 1) * 36_000, 3600)
        part = x264(tmp_path / f"{n}.ts", stamps, size=size, time_base=Fraction(1, 90_000))
        parts.append(part.read_bytes())
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    video = VideoFile(path, "gate")
    shown = []
    with pytest.raises(SourceError, match=r"changes from 96x64 to 128x64 at 0\.\d+ s; cut"):
        shown.extend(video.frames())
    assert [frame.image.shape for frame in shown] == [(64, 96, 3)] * 10


# -- damage ------------------------------------------------------------------------------------


def damaged_copy(source, target, hit):
    """A copy of a file in which the middles of the packets in `hit` are overwritten."""

    def change(number, packet):
        if number not in hit:
            return packet
        data = bytearray(bytes(packet))
        data[len(data) // 2 :] = b"\xaa" * (len(data) - len(data) // 2)
        changed = av.Packet(bytes(data))
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.is_keyframe = packet.is_keyframe
        return changed

    return remux(source, target, change)


def test_damage_is_told_until_the_next_key_frame(tmp_path):
    source = x264(tmp_path / "a.mkv", steady(40), size=(320, 240), key_every=10)
    frames, video = read(damaged_copy(source, tmp_path / "b.mkv", {13}))
    degraded = [round(f.info.t_s / 0.04) for f in frames if f.info.degraded]
    assert degraded
    assert set(degraded) <= set(range(13, 20))
    assert degraded[-1] == 19  # what was built on the damaged picture is not trusted either
    assert video.report.damaged == len(degraded)
    assert round(frames[-1].info.t_s / 0.04) == 39


def test_a_damaged_key_frame_spoils_its_whole_group(tmp_path):
    source = x264(tmp_path / "a.mkv", steady(40), size=(320, 240), key_every=10)
    frames, _ = read(damaged_copy(source, tmp_path / "b.mkv", {10}))
    good = {round(f.info.t_s / 0.04) for f in frames if not f.info.degraded}
    assert good == set(range(10)) | set(range(20, 40))


def test_a_packet_that_is_no_picture_at_all_does_not_end_the_file(tmp_path):
    source = x264(tmp_path / "a.mkv", steady(30), key_every=10)

    def spoil(number, packet):
        if number != 12:
            return packet
        changed = av.Packet(b"\x00\x00\x00\x05\xff\xff\xff\xff\xff")
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        return changed

    frames, video = read(remux(source, tmp_path / "b.mkv", spoil))
    shown = {round(f.info.t_s / 0.04): f.info.degraded for f in frames}
    assert all(shown[n] for n in range(13, 20))
    assert not any(shown[n] for n in [*range(12), *range(20, 30)])
    assert video.report.errors == 1


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_never_break_reading(tmp_path, seed):
    source = x264(tmp_path / "a.mkv", steady(60), size=(160, 120), key_every=15, b_frames=2)
    data = bytearray(source.read_bytes())
    rng = random.Random(seed)
    for _ in range(20):
        data[rng.randrange(800, len(data))] ^= 1 << rng.randrange(8)
    path = tmp_path / "b.mkv"
    path.write_bytes(data)
    try:
        frames, _ = read(path)
    except SourceError:
        return  # the container's own structure was hit
    assert all(a < b for a, b in pairwise(times(frames)))


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi"])
def test_a_truncated_file_yields_what_it_has(tmp_path, name):
    whole = (
        x264(tmp_path / name, [3600 * n for n in range(50)], time_base=Fraction(1, 90_000))
        if name == "a.ts"
        else x264(tmp_path / name, range(50), time_base=Fraction(1, 25))
    )
    path = tmp_path / f"cut_{name}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames, _ = read(path)
    assert 10 <= len(frames) < 50
    assert times(frames) == pytest.approx([0.04 * n for n in range(len(frames))], abs=0.001)


def test_an_mp4_without_its_index_is_refused(tmp_path):
    whole = x264(tmp_path / "a.mp4", steady(30)).read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="beginning or index is missing"):
        VideoFile(path, "gate")


# -- refusals ----------------------------------------------------------------------------------


def test_what_is_not_a_video_is_refused_with_the_reason(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("not a video\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(random.Random(1).randbytes(4000))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n")
    (tmp_path / "list.txt").write_text("ffconcat version 1.0\nfile /etc/hostname\n")
    os.mkfifo(tmp_path / "pipe.mp4")
    expected = {
        "empty.mp4": "is empty",
        "notes.txt": "not a video",
        "noise.mp4": "not a video",
        "list.m3u8": "not a video",
        "list.txt": "not a video",
        "pipe.mp4": "not a regular file",
        ".": "is a folder",
        "x" * 300: "cannot be opened",
    }
    for name, reason in expected.items():
        with pytest.raises(SourceError, match=reason):
            VideoFile(tmp_path / name, "gate")
    with pytest.raises(SourceNotFoundError, match=r"gone\.mp4: no such file"):
        VideoFile(tmp_path / "gone.mp4", "gate")


def test_a_file_name_is_never_taken_for_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x264(tmp_path / "a.mp4", steady(3)).rename(tmp_path / "concat:a.mp4|b.mp4")
    assert len(read(Path("concat:a.mp4|b.mp4"))[0]) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = x264(tmp_path / "a.mp4", steady(3))
    path.chmod(0)
    with pytest.raises(SourceError, match="no permission"):
        VideoFile(path, "gate")


def test_sound_alone_has_no_video_stream(tmp_path):
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        sound.rate = 8000
        out.mux(stream.encode(sound))
        out.mux(stream.encode())
    with pytest.raises(SourceError, match="no video stream"):
        VideoFile(path, "gate")


def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path):
    path = tmp_path / "bomb.mp4"
    grey = av.VideoFrame(4200, 4200, "yuv420p")
    for plane in grey.planes:
        plane.update(b"\x80" * plane.buffer_size)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        stream.width = stream.height = 4200
        out.mux(stream.encode(grey))
        out.mux(stream.encode())
    assert path.stat().st_size < 200_000
    with pytest.raises(SourceError, match=r"4200x4200 are larger than the 16777216 pixels"):
        VideoFile(path, "gate")


def test_the_limit_holds_for_what_the_pictures_are_not_for_what_the_container_says(tmp_path):
    path = x264(tmp_path / "a.mp4", steady(3), size=(320, 240))
    data = path.read_bytes()
    for box in (b"avc1",):
        at = data.index(box, data.index(b"stsd")) + 4 + 24
        data = data[:at] + (16).to_bytes(2, "big") * 2 + data[at + 4 :]
    path.write_bytes(data)
    with pytest.raises(SourceError):
        read(path, max_pixels=320 * 240 - 1)
    assert len(read(path)[0]) == 3


def test_content_hash_is_sha256_of_the_bytes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 100_000)
    assert content_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(SourceError, match="cannot be read"):
        content_hash(tmp_path / "gone")


def test_closing_twice_is_fine(tmp_path):
    video = VideoFile(x264(tmp_path / "a.mp4", steady(3)), "gate")
    video.close()
    video.close()


# -- real recordings ---------------------------------------------------------------------------


@pytest.mark.shared
@needs_shared
def test_every_real_clip_reads_with_rising_times_and_its_known_length():
    lengths_s = {
        "redlight_bangkok_352x288.mp4": (129, 5.12),
        "divided_road_lanes_640x480.avi": (247, 30.6875),
        "motorway_uk_2way_320x240.avi": (750, 29.96),
    }
    for name, (count, last_s) in lengths_s.items():
        frames, _ = read(SHARED / name)
        assert len(frames) == count
        assert times(frames)[-1] == pytest.approx(last_s)
        assert all(a < b for a, b in pairwise(times(frames)))


@pytest.mark.shared
@needs_shared
def test_stamps_out_of_order_in_a_real_recording_are_sorted_and_marked():
    frames, video = read(SHARED / "divided_road_lanes_640x480.avi")
    steps = np.diff(times(frames))
    assert np.count_nonzero(np.isclose(steps, 0.125)) >= 245  # 8 pictures a second, not 16
    assert video.report.repaired == 27
