"""The packets a live camera sent lately, kept compressed, as a source of evidence.

Filled in the watching process with what a camera's reader process sends, so it outlives that;
read by whoever writes evidence.
"""

import io
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import Frame, FrameInfo, Image
from traffic_ai.core.ports import Clip
from traffic_ai.sources.clips import (
    CannotKeepPacketsError,
    Coded,
    select,
    write_images,
    write_packets,
)
from traffic_ai.sources.container import MAX_PIXELS, set_up_decoder
from traffic_ai.sources.foreseen import Foreseen
from traffic_ai.sources.pictures import Converter

RING_BYTES = 64 * 1024 * 1024
"""30 s at 17 Mbit/s."""
_LAST_SHOWN_S = 1.0
_Noted = tuple[int, FrameInfo]
_UNKNOWN = -(1 << 62)
"""Stamp of a packet that came without one; earlier than all others."""


class PacketRing:
    """The last packets of one live session, from a key frame on, as Footage.

    Holds at least `seconds` unless that would take more than `max_bytes`; whole groups of
    pictures, from one key frame to the next, are dropped. A still is one of the frames that were
    delivered, info included. Safe to use from several threads; goes on serving what it holds
    after the session has ended.
    """

    def __init__(
        self,
        codec_name: str,
        extradata: bytes | None,
        time_base: Fraction,
        seconds: float,
        max_bytes: int = RING_BYTES,
    ) -> None:
        self._codec_name = codec_name
        self._extradata = extradata
        self._time_base = time_base
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._sample: InputContainer | None = None
        self._packets: deque[Coded] = deque()
        self._bytes = 0
        self._noted: deque[_Noted] = deque()
        self._lock = threading.Lock()
        self._foreseen: Foreseen[Image] = Foreseen()

    def describe(self, sample: bytes) -> None:
        """Take the stream's description, in the form of a file of one of its key frames; without
        it a clip is encoded anew.
        """
        try:
            self._sample = av.open(io.BytesIO(sample), "r", format="nut")
        except av.error.FFmpegError:
            self._sample = None

    @property
    def newest_s(self) -> float | None:
        """`t_s` of the newest frame, None if there is none."""
        with self._lock:
            return self._noted[-1][1].t_s if self._noted else None

    @property
    def held_bytes(self) -> int:
        """Size of the packets held."""
        with self._lock:
            return self._bytes

    def add(self, coded: Coded) -> None:
        """Keep a packet; those before the first key frame are of no use and are not kept."""
        with self._lock:
            if not (self._packets or coded.is_key):
                return
            self._packets.append(coded)
            self._bytes += len(coded.data)
            self._shrink(coded)

    def note(self, stamp: int, info: FrameInfo) -> None:
        """Remember a frame that was delivered, by the stamp of its packet."""
        with self._lock:
            # Without its packets it can never be shown again, and nothing would end the list.
            if self._packets:
                self._noted.append((stamp, info))

    def stills(self, times_s: Sequence[float]) -> list[Frame]:
        """The delivered frame shown at each moment.

        Raises EvidenceError where the moment is no longer held or has not come yet.
        """
        with self._lock:
            packets, noted = list(self._packets), list(self._noted)
        wanted = {t_s: self._shown_at(noted, t_s) for t_s in times_s}
        found = self._foreseen.take(wanted)
        if len(found) < len(wanted):
            there = self._soon(noted) | wanted
            images = dict(self._images(packets, {stamp for stamp, _ in there.values()}))
            read = {t_s: images[stamp] for t_s, (stamp, _) in there.items() if stamp in images}
            self._foreseen.keep(read)
            found = read | found
        lost = [info.t_s for t_s, (_, info) in wanted.items() if t_s not in found]
        if lost:
            raise EvidenceError(f"the frame at {lost[0]:.3f} s cannot be decoded again")
        return [Frame(wanted[t_s][1], found[t_s]) for t_s in times_s]

    def foresee(self, times_s: Sequence[float]) -> None:
        """Stills of these moments will be asked for soon: decoded with others, they are kept."""
        self._foreseen.add(set(times_s))

    def clip(self, start_s: float, end_s: float, stem: Path) -> Clip:
        """Write what is held of start_s..end_s to `stem` + ".mp4" (or ".mkv").

        Begins at the key frame at or before start_s, or at the oldest there is. Raises
        EvidenceError where nothing of it is held.
        """
        with self._lock:
            packets, noted = list(self._packets), list(self._noted)
        held = [pair for pair in noted if start_s - _LAST_SHOWN_S <= pair[1].t_s <= end_s]
        if not held:
            raise EvidenceError(f"nothing of {start_s:.3f}..{end_s:.3f} s is held")
        origin = noted[0][0] - round(noted[0][1].t_s / self._time_base)
        start = int(origin + start_s / self._time_base)
        end = int(origin + end_s / self._time_base)
        try:
            try:
                chosen = select(_stamped(packets), start, end)
                path = write_packets(self._template(), chosen, self._time_base, stem)
            except CannotKeepPacketsError:
                return self._encode(packets, held, stem)
        except OSError as error:
            raise EvidenceError(f"{stem.name}: {error}") from error
        stamps = [packet.stamp for packet in chosen]
        first_s = float((min(stamps) - origin) * self._time_base)
        last_s = float((max(stamps) - origin) * self._time_base)
        return Clip(path, first_s, last_s, reencoded=False)

    def _template(self) -> VideoStream:
        if self._sample is None or not self._sample.streams.video:
            raise CannotKeepPacketsError("the stream was not described")
        return self._sample.streams.video[0]

    def _shrink(self, newest: Coded) -> None:
        """Drop whole groups from the old end; called with the lock held."""
        while self._bytes > self._max_bytes or self._is_long(newest):
            self._drop_group()
            if not self._packets:
                return
        oldest = self._packets[0].stamp
        while self._noted and self._noted[0][0] < oldest:
            self._noted.popleft()

    def _is_long(self, newest: Coded) -> bool:
        """Whether the last `seconds` are held without the oldest group too."""
        if not newest.is_key:
            return False  # only a key frame closes a group; looking for it every time is waste
        keys = (packet.stamp for packet in self._packets if packet.is_key)
        next(keys)
        second = next(keys, None)
        return (
            second is not None and (newest.stamp - second) * float(self._time_base) >= self._seconds
        )

    def _drop_group(self) -> None:
        first = True
        while self._packets and (first or not self._packets[0].is_key):
            self._bytes -= len(self._packets.popleft().data)
            first = False
        if not self._packets:
            self._noted.clear()

    def _shown_at(self, noted: Sequence[_Noted], t_s: float) -> _Noted:
        if not noted:
            raise EvidenceError("the camera has sent no frame")
        first, last = noted[0][1], noted[-1][1]
        at = bisect_right(noted, t_s, key=lambda pair: pair[1].t_s) - 1
        if (at < 0 and first.index > 0) or t_s > last.t_s + _LAST_SHOWN_S:
            raise EvidenceError(
                f"{t_s:.3f} s is not held; the camera's last packets are "
                f"{first.t_s:.3f}..{last.t_s:.3f} s"
            )
        return noted[max(at, 0)]

    def _soon(self, noted: Sequence[_Noted]) -> dict[float, _Noted]:
        """The frames at foreseen moments that have come, as many as there is room for."""
        newest = noted[-1][1]
        room = self._foreseen.room(newest.width_px * newest.height_px * 3)
        found: dict[float, _Noted] = {}
        for t_s in [t_s for t_s in self._foreseen.wanted() if t_s <= newest.t_s][:room]:
            with suppress(EvidenceError):
                found[t_s] = self._shown_at(noted, t_s)
        return found

    def _images(self, packets: Sequence[Coded], wanted: set[int]) -> Iterator[tuple[int, Image]]:
        """The pictures with these stamps, decoded from the key frame before the first of them."""
        if not wanted:
            return
        left = set(wanted)
        starts = [i for i, p in enumerate(packets) if p.is_key and p.stamp <= min(left)]
        converter: Converter | None = None
        for frame in self._decode(packets[max(starts, default=0) :], left):
            if frame.pts in left:
                converter = converter or Converter(frame.rotation)
                left.discard(frame.pts)
                yield frame.pts, converter.image(frame)
            if not left:
                return

    def _decode(self, packets: Sequence[Coded], wanted: set[int]) -> Iterator[av.VideoFrame]:
        """The pictures of packets; of those that are not wanted, what others may be built on."""
        codec = av.CodecContext.create(self._codec_name, "r")
        assert isinstance(codec, VideoCodecContext)
        codec.extradata = self._extradata
        set_up_decoder(codec, MAX_PIXELS)
        for coded in packets:
            packet = av.Packet(coded.data)
            packet.pts = coded.stamp if coded.stamp != _UNKNOWN else None
            packet.time_base = self._time_base
            needed = coded.stamp in wanted or coded.stamp == _UNKNOWN
            codec.skip_frame = "DEFAULT" if needed else "NONREF"
            try:
                yield from codec.decode(packet)
            except av.error.FFmpegError:
                continue  # damage that came from the camera; the frame's info says so
        yield from codec.decode(None)

    def _encode(self, packets: Sequence[Coded], held: Sequence[_Noted], stem: Path) -> Clip:
        times_s = {stamp: info.t_s for stamp, info in held}
        written: list[float] = []

        def images() -> Iterator[tuple[float, Image]]:
            for stamp, image in self._images(packets, set(times_s)):
                written.append(times_s[stamp])
                yield times_s[stamp], image

        path = write_images(images(), stem)
        return Clip(path, written[0], written[-1], reencoded=True)


def coded_packet(packet: "av.Packet[VideoStream]") -> Coded | None:
    """A packet as it is kept; None for the empty one at the end."""
    if not packet.size:
        return None
    stamp = packet.pts if packet.pts is not None else _UNKNOWN
    return Coded(bytes(packet), stamp, packet.is_keyframe, packet.duration or 0)


def _stamped(packets: Sequence[Coded]) -> list[Coded]:
    """The packets with a time for the first, which RTSP may send without: just before the next.

    Raises CannotKeepPacketsError where another has none.
    """
    known = [packet for packet in packets if packet.stamp != _UNKNOWN]
    if len(known) == len(packets):
        return known
    if not known or len(known) < len(packets) - 1 or packets[0].stamp != _UNKNOWN:
        raise CannotKeepPacketsError("packets came without time stamps")
    first = packets[0]
    stamp = min(packet.stamp for packet in known) - max(first.duration, 1)
    return [replace(first, stamp=stamp), *known]
