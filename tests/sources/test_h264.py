"""Pictures lost whole from an H.264 stream, told by its frame numbers."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.sources.cameras import connect_to
from tests.sources.made import steady, write_video
from tests.sources.test_live_session import Altered, read
from traffic_ai.sources.h264 import FrameNumbers

KINDS = {
    "baseline": {"profile": "baseline"},
    "b pictures": {"x264-params": "bframes=2:b-adapt=0:scenecut=0"},
    "b pyramid": {"x264-params": "bframes=3:b-adapt=0:b-pyramid=strict:scenecut=0"},
    "interlaced": {"x264-params": "interlaced=1:scenecut=0", "flags": "+ildct+ilme"},
    "slices": {"x264-params": "slices=4:scenecut=0"},
    "scaling lists": {"x264-params": "cqm=jvt:8x8dct=1:scenecut=0"},
    "open groups": {"x264-params": "open-gop=1:bframes=2:scenecut=0"},
    "intra refresh": {"x264-params": "intra-refresh=1:scenecut=0"},
    "long": {"x264-params": "keyint=400:scenecut=0"},
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def stream(request, tmp_path):
    """Packets with start codes, as RTSP gives them."""
    options = {"preset": "veryfast", "threads": "1"} | request.param
    path = write_video(tmp_path / "a.ts", steady(60), options=options, time_base=Fraction(1, 1000))
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def is_reference(data):
    """Whether other pictures may build on this packet's."""
    at = 0
    while (at := data.find(b"\x00\x00\x01", at) + 3) > 2:
        if data[at] & 31 in (1, 5):
            return data[at] & 0x60 != 0
    raise AssertionError("no slice")


def skips(packets):
    numbers = FrameNumbers()
    return [index for index, data in enumerate(packets) if numbers.skips(data)]


def test_a_whole_stream_skips_nothing(stream):
    assert skips(stream) == []


def test_each_picture_that_is_lost_is_told_with_the_next(stream):
    for lost in range(1, len(stream) - 1):
        if is_reference(stream[lost]) and stream[lost + 1][0:64].find(b"\x67") < 0:
            told = skips(stream[:lost] + stream[lost + 1 :])
            assert told, lost
            # Before pictures that nobody builds on the number may be the lost one's yet.
            assert lost <= told[0] <= lost + 4


def test_no_damage_breaks_it(stream):
    rng = np.random.default_rng(5)
    numbers = FrameNumbers()
    for data in stream:
        spoiled = bytearray(data)
        for at in rng.integers(0, min(len(data), 80), 6):
            spoiled[at] = rng.integers(0, 256)
        numbers.skips(bytes(spoiled))
        numbers.skips(data[: rng.integers(0, len(data))])
    FrameNumbers(bytes(rng.integers(0, 256, 40, np.uint8))).skips(b"")


def test_nothing_is_said_of_packets_without_start_codes(tmp_path):
    path = write_video(tmp_path / "a.mp4", steady(30))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert skips(packets[:5] + packets[9:]) == []


def test_what_is_built_on_a_lost_picture_is_degraded_until_the_next_key_frame(tmp_path):
    options = {"preset": "veryfast", "tune": "zerolatency", "threads": "1"}
    path = write_video(
        tmp_path / "a.ts", steady(40), options=options, time_base=Fraction(1, 1000), key_every=10
    )
    _, whole = read(connect_to(path))
    _, frames = read(Altered(path, lambda number, packet: None if number == 13 else packet))
    shown = {round(info.t_s / 0.04): (info, image) for info, image in frames}
    degraded = {number for number, (info, _) in shown.items() if info.degraded}
    assert degraded == set(range(14, 20))
    differ = {
        number
        for number, (_, image) in shown.items()
        if np.abs(image.astype(int) - whole[number][1]).max() > 12
    }
    assert differ <= degraded
