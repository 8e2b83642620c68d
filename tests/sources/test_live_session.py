"""A live session: packets to frames with their time, and the footage that is kept of them."""

from itertools import pairwise

import numpy as np
import pytest

from tests.sources.cameras import STARTED, connect_to
from tests.sources.made import packets, steady, x264
from tests.sources.test_video_file import damaged_copy
from traffic_ai.core.errors import EvidenceError, SourceError
from traffic_ai.sources.file import VideoFile
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.pictures import Converter, PictureDecoder
from traffic_ai.sources.ring import RING_BYTES, PacketRing
from traffic_ai.sources.session import CountOfTimeError, SessionReader


class Altered:
    """A connection whose packets a test changes on their way."""

    def __init__(self, path, change):
        self._real = connect_to(path)
        self._change = change
        self.stream, self.time_base = self._real.stream, self._real.time_base

    def packets(self):
        for number, packet in enumerate(self._real.packets()):
            changed = self._change(number, packet)
            if changed is not None:
                yield changed


class Session:
    """A reader's session, with the footage that is kept of it elsewhere."""

    def __init__(self, connection, ring_s=30.0, clock=None, max_bytes=RING_BYTES):
        self.decoder = PictureDecoder(connection.stream.codec_context, look_ahead=0)
        # The wall clock stands still, so that only the session's own looks move the other one.
        self.reader = SessionReader(
            "gate", connection, self.decoder, clock or Running(), host=HostTime(Running(0.0))
        )
        began = self.reader.began
        self.footage = PacketRing(
            began.codec_name, began.extradata, began.time_base, ring_s, max_bytes
        )

    def frames(self):
        converter = Converter(0)
        for batch in self.reader.batches():
            if batch.sample is not None:
                self.footage.describe(batch.sample)
            if batch.coded is not None:
                self.footage.add(batch.coded)
            for picture in batch.pictures:
                self.footage.note(picture.stamp, picture.info)
                yield picture.info, converter.image(picture.decoded)


class Running:
    """Clocks that move on by a frame's time with every look at them."""

    def __init__(self, step_s=0.04):
        self.now_s, self.step_s = 500.0, step_s

    def monotonic_s(self):
        self.now_s += self.step_s
        return self.now_s

    @staticmethod
    def utc():
        return STARTED


def read(connection, **options):
    """The session, and each frame's info with its image."""
    session = Session(connection, **options)
    return session, list(session.frames())


def times(frames):
    return [info.t_s for info, _ in frames]


# -- frames ------------------------------------------------------------------------------------


def test_time_starts_at_the_first_frame_and_follows_the_stamps(tmp_path):
    _, frames = read(connect_to(x264(tmp_path / "a.mkv", [5000, 5040, 5300, 5333])))
    assert times(frames) == pytest.approx([0.0, 0.04, 0.3, 0.333])
    assert [info.index for info, _ in frames] == [0, 1, 2, 3]


def test_the_session_is_named_by_camera_and_start(tmp_path):
    session, _ = read(connect_to(x264(tmp_path / "a.mkv", steady(3))))
    assert session.reader.began.id == "gate@2026-05-01T12:00:00.000000Z"
    assert session.reader.began.started_utc == STARTED


def test_frames_without_a_rising_stamp_are_dropped_and_counted(tmp_path):
    def spoil(number, packet):
        if number == 0:
            packet.pts = None
        if number == 5:
            packet.pts = 160  # as the one before
        if number == 9:
            packet.pts = 40
        return packet

    session, frames = read(Altered(x264(tmp_path / "a.mkv", steady(20)), spoil))
    assert len(frames) == 17
    assert session.reader.health().dropped == 3
    assert all(a < b for a, b in pairwise(times(frames)))


def test_a_stream_without_any_stamp_is_given_up(tmp_path):
    def strip(number, packet):
        packet.pts = packet.dts = None
        return packet

    with pytest.raises(SourceError, match="no time stamps"):
        read(Altered(x264(tmp_path / "a.mkv", steady(150)), strip))


@pytest.mark.parametrize(
    ("shift", "reason"), [(40_000, r"jumped ahead by 40\.0 s"), (-1000, "went back or stand still")]
)
def test_a_camera_that_sets_its_clock_ends_the_session(tmp_path, shift, reason):
    def turn(number, packet):
        if number >= 30 and packet.size:
            packet.pts += shift
            packet.dts += shift
        return packet

    connection = Altered(x264(tmp_path / "a.mkv", steady(150)), turn)
    seen = []
    with pytest.raises(CountOfTimeError, match=reason):
        seen.extend(info.t_s for info, _ in Session(connection).frames())
    assert seen == pytest.approx([0.04 * n for n in range(30)])


def test_a_gap_in_which_time_passed_too_is_no_jump(tmp_path):
    clock = Running()

    def pause(number, packet):
        clock.now_s += 20.0 if number == 3 else 0.0
        return packet

    path = x264(tmp_path / "a.mkv", [0, 40, 80, 20_120, 20_160])
    _, frames = read(Altered(path, pause), clock=clock)
    assert times(frames)[-1] == pytest.approx(20.16)


def test_damage_is_told_until_the_next_key_frame(tmp_path):
    source = x264(tmp_path / "a.mkv", steady(40), size=(320, 240))
    _, frames = read(connect_to(damaged_copy(source, tmp_path / "b.mkv", {10})))
    good = {round(info.t_s / 0.04) for info, _ in frames if not info.degraded}
    assert good == set(range(10)) | set(range(20, 40))


def test_doubt_of_an_earlier_count_of_time_ends_with_the_next_key_frame(tmp_path):
    connection = connect_to(x264(tmp_path / "a.mkv", steady(30)))
    decoder = PictureDecoder(connection.stream.codec_context, look_ahead=0)
    damaged = {}
    for number, packet in enumerate(connection.packets()):
        if number == 3:
            decoder.distrust(1_000_000)  # lost by a clock that is set back then
            decoder.restart_stamps()
        damaged |= {picture.stamp: picture.damaged for picture in decoder.decode(packet)}
    assert [stamp for stamp, is_so in damaged.items() if is_so] == steady(30)[3:10]


def test_a_session_that_begins_between_key_frames_is_degraded_until_one_comes(tmp_path):
    def miss(number, packet):
        return packet if number >= 3 else None

    _, frames = read(Altered(x264(tmp_path / "a.mkv", steady(30)), miss))
    assert not any(info.degraded for info, _ in frames[-20:])
    assert all(info.degraded for info, _ in frames[:-20])


def test_stamps_that_run_at_a_wrong_pace_are_found_out(tmp_path):
    # Stamped 25 frames a second, 21 arrive.
    path = x264(tmp_path / "a.mkv", steady(25 * 30), key_every=50)
    session, frames = read(connect_to(path), clock=Running(1 / 21))
    assert session.reader.health().pace == pytest.approx(21 / 25, abs=0.01)
    assert not frames[-1][0].degraded, "the picture itself is whole"


# -- footage -----------------------------------------------------------------------------------


@pytest.fixture
def watched(tmp_path):
    """A session of 8 s with a key frame every 0.4 s, and its frames."""
    path = x264(tmp_path / "cam.mkv", steady(200), b_frames=2)
    session, frames = read(connect_to(path))
    return session.footage, frames, path


def test_a_still_is_the_frame_that_was_delivered(watched):
    footage, frames, _ = watched
    wanted = [0.0, -0.5, 1.23, 7.96, 3.999]
    for t_s, still in zip(wanted, footage.stills(wanted), strict=True):
        info, image = [f for f in frames if f[0].t_s <= max(t_s, 0.0)][-1]
        assert still.info == info
        assert np.array_equal(still.image, image)


def test_foreseen_stills_are_decoded_along(watched, monkeypatch):
    footage, frames, _ = watched
    footage.foresee([4.0, 4.4, 4.9])
    footage.foresee([3.1, 4.4, 5.0])
    footage.foresee([60.0])  # what is not held hinders nothing
    footage.stills([4.0, 4.4, 4.9])
    monkeypatch.setattr(footage, "_images", None)  # nothing is decoded any more
    for t_s, still in zip([3.1, 4.4, 5.0], footage.stills([3.1, 4.4, 5.0]), strict=True):
        info, image = [f for f in frames if f[0].t_s <= t_s][-1]
        assert still.info == info
        assert np.array_equal(still.image, image)
    with pytest.raises(TypeError):
        footage.stills([4.4])  # once more than was foreseen


def test_a_foreseen_still_that_has_not_come_is_not_taken_for_the_last_frame(watched, monkeypatch):
    footage, _, _ = watched
    footage.foresee([8.3])
    footage.stills([7.9])
    monkeypatch.setattr(footage, "_images", None)
    with pytest.raises(TypeError):
        footage.stills([8.3])  # is decoded only now


def test_stills_come_only_from_what_is_held(watched):
    footage, _, _ = watched
    assert footage.newest_s == pytest.approx(7.96)
    with pytest.raises(EvidenceError, match=r"12\.000 s is not held.*0\.000\.\.7\.960 s"):
        footage.stills([1.0, 12.0])


def test_a_clip_keeps_the_packets_and_plays_from_its_first_frame(watched, tmp_path):
    footage, frames, path = watched
    clip = footage.clip(2.1, 4.0, tmp_path / "clip")
    assert not clip.reencoded
    assert clip.start_s == pytest.approx(2.0)
    assert clip.end_s >= 4.0
    played = list(VideoFile(clip.path, "gate").frames())
    source = [f for f in frames if clip.start_s - 1e-6 <= f[0].t_s <= clip.end_s + 1e-6]
    assert [p.info.t_s for p in played] == pytest.approx(
        [info.t_s - clip.start_s for info, _ in source], abs=0.002
    )
    for mine, (_, theirs) in zip(played, source, strict=True):
        assert np.array_equal(mine.image, theirs)
    kept, sent = ([data for _, _, data in packets(p)] for p in (clip.path, path))
    assert all(data in sent for data in kept)


def test_a_clip_that_reaches_beyond_what_is_held_says_what_it_covers(watched, tmp_path):
    footage, _, _ = watched
    clip = footage.clip(-6.0, 60.0, tmp_path / "clip")
    assert (clip.start_s, clip.end_s) == pytest.approx((0.0, 7.96))
    with pytest.raises(EvidenceError, match="nothing of"):
        footage.clip(60.0, 70.0, tmp_path / "other")


def test_a_first_packet_without_stamp_does_not_cost_the_clip_its_packets(tmp_path):
    def strip(number, packet):
        if number == 0:
            packet.pts = packet.dts = None
        return packet

    path = x264(tmp_path / "a.mkv", steady(30), key_every=100)
    session, frames = read(Altered(path, strip))
    clip = session.footage.clip(0.0, 1.0, tmp_path / "clip")
    assert not clip.reencoded
    played = list(VideoFile(clip.path, "gate").frames())
    assert np.array_equal(played[1].image, frames[0][1])
    [still] = session.footage.stills([0.5])
    assert np.array_equal(still.image, [f for f in frames if f[0].t_s <= 0.5][-1][1])


def test_packets_that_cannot_be_kept_are_encoded_anew(tmp_path):
    def repeat(number, packet):
        if number == 5:
            packet.pts = packet.dts = 160
        return packet

    session, frames = read(Altered(x264(tmp_path / "a.mkv", steady(30), key_every=100), repeat))
    clip = session.footage.clip(0.0, 1.0, tmp_path / "clip")
    assert clip.reencoded
    played = list(VideoFile(clip.path, "gate").frames())
    assert len(played) == len([t for t in times(frames) if t <= 1.0])


def test_footage_is_bounded_in_time_by_whole_groups(tmp_path):
    path = x264(tmp_path / "a.mkv", steady(500), key_every=25)  # 20 s, a key frame every second
    session, _ = read(connect_to(path), ring_s=5.0)
    footage = session.footage
    assert footage.stills([14.5])[0].info.t_s == pytest.approx(14.48)
    with pytest.raises(EvidenceError, match="is not held"):
        footage.stills([10.0])
    clip = footage.clip(0.0, 60.0, tmp_path / "clip")
    assert 5.0 <= clip.end_s - clip.start_s <= 7.0


def test_footage_is_bounded_in_bytes(tmp_path):
    path = x264(tmp_path / "a.mkv", steady(250), key_every=25)
    size = sum(len(data) for _, _, data in packets(path))
    session = Session(connect_to(path), 60.0, max_bytes=size // 4)
    for _ in session.frames():
        assert session.footage.held_bytes <= size // 4
    assert session.footage.held_bytes > 0


def test_a_group_larger_than_all_memory_is_let_go_until_the_next_key_frame(tmp_path):
    path = x264(tmp_path / "a.mkv", steady(60), key_every=30)
    first, second = packets(path)[:30], packets(path)[30:]
    largest = max(len(first[0][2]), len(second[0][2])) + 10
    session = Session(connect_to(path), 60.0, max_bytes=largest)
    held = [session.footage.held_bytes for _ in session.frames()]
    assert max(held) <= largest
    assert held[30] == len(second[0][2])


def test_footage_outlives_its_connection(tmp_path):
    connection = connect_to(x264(tmp_path / "a.mkv", steady(50)))
    session, _ = read(connection)
    connection.close()
    del connection
    footage = session.footage
    del session
    assert footage.stills([1.0])[0].image.shape == (64, 96, 3)
    assert not footage.clip(0.5, 1.5, tmp_path / "clip").reencoded


def test_an_empty_ring_says_so(tmp_path):
    ring = Session(connect_to(x264(tmp_path / "a.mkv", steady(3)))).footage
    assert ring.newest_s is None
    with pytest.raises(EvidenceError, match="has sent no frame"):
        ring.stills([0.0])
    with pytest.raises(EvidenceError, match="nothing of"):
        ring.clip(0.0, 1.0, tmp_path / "clip")


def test_frames_without_packets_are_not_remembered(tmp_path):
    """A stream with one key frame, at its beginning, as with periodic intra refresh."""
    path = x264(tmp_path / "a.mkv", steady(60), key_every=100)
    session, frames = read(connect_to(path), max_bytes=2000)
    assert len(frames) == 60
    assert session.footage.held_bytes <= 2000
    assert len(session.footage._noted) < 30
