"""Footage: what evidence is cut from. Here that of recorded files, with the times analysis saw.

A live camera's is in ring.py.
"""

import math
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path

from traffic_ai.core.errors import EvidenceError, SourceError
from traffic_ai.core.frame import Frame, Image
from traffic_ai.core.ports import Clip
from traffic_ai.sources.clips import (
    CannotKeepPacketsError,
    Coded,
    select,
    write_images,
    write_packets,
)
from traffic_ai.sources.container import MAX_PIXELS, OpenVideo, open_video, read_packets
from traffic_ai.sources.file import frame_info
from traffic_ai.sources.foreseen import Foreseen
from traffic_ai.sources.reading import Reading, Shown
from traffic_ai.sources.ring import PacketRing
from traffic_ai.sources.skim import Skim
from traffic_ai.sources.start_time import CapturedStart

__all__ = ["FileFootage", "PacketRing"]

UNCOUNTED = -1
"""`FrameInfo.index` of a still: reading from a key frame on does not count frames."""

_STEPS_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""How much earlier than asked to begin, in turn, before the whole file is read."""
_TOGETHER_S = 5.0
"""Stills closer than this are read in one go, unless a key frame stands between them..."""
_WORTH_S = 0.3
"""...so long after the first at the least: beginning anew takes a few pictures too."""
_NEAR_S = 0.15
"""So long before a still every picture is decoded."""
_LAST_SHOWN_S = 1.0
"""How long the last picture is taken to be shown."""


_Still = tuple[float, Shown]


class _UnsureError(Exception):
    """After a seek, pictures came whose times would have come out otherwise in a full reading."""


class FileFootage:
    """A recorded file as Footage; the pictures and times are those of VideoFile.

    Reads from a key frame before the moment asked for where the file tells its times there, from
    the start otherwise. Not thread-safe.
    """

    def __init__(
        self,
        path: Path,
        camera_id: str,
        start: CapturedStart | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._path = Path(path)
        self._camera_id = camera_id
        self._start = start
        self._max_pixels = max_pixels
        self._open: Reading | None = None
        self._foreseen: Foreseen[Shown] = Foreseen()

    def stills(self, times_s: Sequence[float]) -> list[Frame]:
        """The frame shown at each moment (the last one not later; the first if none is).

        Raises EvidenceError where the file ends before, or cannot be read.
        """
        asked = set(times_s)
        try:
            found = self._foreseen.take(asked)
            if missing := asked - found.keys():
                found.update(self._read(missing))
            return [self._frame(found[t_s]) for t_s in times_s]
        except SourceError as error:
            raise EvidenceError(str(error)) from error

    def foresee(self, times_s: Sequence[float]) -> None:
        """Stills of these moments will be asked for soon, together: where the way to others leads
        past them, they are kept. May be called from any thread.
        """
        self._foreseen.add(set(times_s))

    def clip(self, start_s: float, end_s: float, stem: Path) -> Clip:
        """Write start_s (or the key frame before) to end_s to `stem` + ".mp4" (or ".mkv").

        The packets are the file's own unless no container takes them or the file does not tell
        when they are shown. Raises EvidenceError.
        """
        try:
            try:
                return self._remux(start_s, end_s, stem)
            except CannotKeepPacketsError:
                return self._encode(start_s, end_s, stem)
        except (SourceError, OSError) as error:
            raise EvidenceError(f"{stem.name}: {error}") from error

    def close(self) -> None:
        """Release the file; may be called twice, and used again after."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _read(self, missing: Collection[float]) -> dict[float, Shown]:
        """The pictures of moments; what is foreseen and read in one go with them is kept."""
        width_px, height_px = self._reading().size_px
        picture_bytes = width_px * height_px * 3 // 2
        soon = self._foreseen.wanted()
        found: dict[float, Shown] = {}
        for group in self._groups(sorted({*missing, *soon})):
            asked = [t_s for t_s in group if t_s in missing]
            if not asked:
                continue
            room = self._foreseen.room(picture_bytes)
            others = [t_s for t_s in soon if t_s in group and t_s not in missing][:room]
            try:
                shown = self._stills(sorted(asked + others))
            except EvidenceError:
                if not others:
                    raise
                shown = self._stills(asked)
            self._foreseen.keep(shown)
            found.update((t_s, shown[t_s]) for t_s in asked)
        return found

    def _stills(self, times_s: Sequence[float]) -> dict[float, Shown]:
        reading = self._reading()
        wanted = [reading.stamp_at(t_s) for t_s in times_s]
        for skim in (Skim(wanted, round(_NEAR_S / reading.video.time_base)), None):
            try:
                return dict(self._match(self._from_key_frame(times_s[0], skim), times_s, skim))
            except _UnsureError:
                continue
        return dict(self._match(self._from_start(), times_s))

    def _groups(self, times_s: Sequence[float]) -> list[list[float]]:
        """Rising moments, those in one list that are best read in one go."""
        reading = self._reading()
        groups: list[list[float]] = []
        for before_s, t_s in pairwise([-math.inf, *times_s]):
            apart = t_s > before_s + _TOGETHER_S
            if apart or reading.has_key_frame(before_s + _WORTH_S, t_s):
                groups.append([])
            groups[-1].append(t_s)
        return groups

    def _match(
        self, shown: Iterator[Shown], times_s: Sequence[float], skim: Skim | None = None
    ) -> Iterator[_Still]:
        waiting = deque(times_s)
        before: Shown | None = None
        for here in shown:
            while waiting and here.t_s > waiting[0]:
                stamp = before.picture.stamp if before is not None else None
                if skim is not None and skim.missed(stamp, self._reading().stamp_at(waiting[0])):
                    raise _UnsureError
                yield waiting.popleft(), before or here
            if not waiting:
                return
            before = here
        if waiting and skim is not None:
            raise _UnsureError  # the last pictures may have been passed over
        for t_s in waiting:
            if before is None or t_s > before.t_s + _LAST_SHOWN_S:
                last_s = before.t_s if before else 0.0
                raise EvidenceError(f"{self._path.name} ends at {last_s:.3f} s, before {t_s:.3f} s")
            yield t_s, before

    def _frame(self, shown: Shown) -> Frame:
        reading, picture = self._reading(), shown.picture
        degraded = picture.damaged or picture.repaired
        info = frame_info(
            self._camera_id, UNCOUNTED, shown.t_s, self._start, reading.size_px, degraded
        )
        return Frame(info, reading.image(picture))

    def _from_key_frame(self, t_s: float, skim: Skim | None) -> Iterator[Shown]:
        """Pictures from a key frame at or before t_s on, less what may be passed over. Raises
        _UnsureError.
        """
        reading = self._reading()
        if not reading.keeps_display_times:
            raise _UnsureError
        for back_s in _STEPS_BACK_S:
            if t_s - back_s <= 0.0 or not reading.seek(t_s - back_s, skim):
                break
            shown = self._sure(reading)
            begin = list(islice(shown, 2))
            # Two, so that a picture that repeats the stamp of the one before it is found out.
            if len(begin) == 2 and begin[1].t_s <= t_s:
                return chain(begin, shown)
        return self._from_start()

    def _sure(self, reading: Reading) -> Iterator[Shown]:
        """Pictures after a seek, from the first that owes nothing to those before it."""
        leading = True
        for here in reading.shown():
            counts = reading.counts()
            if here.picture.repaired or counts.dropped_repeated or counts.dropped_unstamped:
                raise _UnsureError
            leading = leading and here.picture.damaged
            if not leading:
                yield here

    def _from_start(self) -> Iterator[Shown]:
        self.close()
        return self._reading().shown()

    def _reading(self) -> Reading:
        if self._open is None:
            self._open = Reading(self._path, self._max_pixels)
        return self._open

    def _remux(self, start_s: float, end_s: float, stem: Path) -> Clip:
        reading = self._reading()
        if not reading.keeps_display_times:
            raise CannotKeepPacketsError("the container does not keep display times")
        start, end = reading.stamp_at(start_s), reading.stamp_at(end_s)
        packets: list[Coded] = []
        for back_s in _STEPS_BACK_S:
            if start_s - back_s <= 0.0 or not reading.seek(start_s - back_s):
                break
            packets = select(_coded(reading.video), start, end)
            if packets and packets[0].stamp <= start:
                break
        if not packets or packets[0].stamp > start:
            afresh = open_video(self._path, self._max_pixels)
            try:
                packets = select(_coded(afresh), start, end)
            finally:
                afresh.container.close()
        stream, time_base = reading.video.stream, reading.video.time_base
        bounds = _bounds_s(packets, reading)
        self._check_reach(bounds, start_s, end_s)
        path = write_packets(stream, packets, time_base, stem)
        return Clip(path, *bounds, reencoded=False)

    def _encode(self, start_s: float, end_s: float, stem: Path) -> Clip:
        times: list[float] = []

        def images() -> Iterator[tuple[float, Image]]:
            for here in _from_moment(self._from_start(), start_s):
                if here.t_s > end_s:
                    return
                times.append(here.t_s)
                yield here.t_s, self._reading().image(here.picture)

        path = write_images(images(), stem)
        return Clip(path, times[0], times[-1], reencoded=True)

    def _check_reach(self, bounds_s: tuple[float, float], start_s: float, end_s: float) -> None:
        if bounds_s[1] + _LAST_SHOWN_S < start_s or end_s < bounds_s[0]:
            raise EvidenceError(
                f"{self._path.name} has nothing at {start_s:.3f}..{end_s:.3f} s; "
                f"it reaches to {bounds_s[1]:.3f} s"
            )


def _from_moment(shown: Iterator[Shown], start_s: float) -> Iterator[Shown]:
    """From the picture shown at start_s (the last one not later) on."""
    before: Shown | None = None
    for here in shown:
        if before is not None and here.t_s > start_s:
            yield before
        before = here
    if before is not None and before.t_s + _LAST_SHOWN_S >= start_s:
        yield before


def _coded(video: OpenVideo) -> Iterator[Coded]:
    for packet in read_packets(video):
        if packet is None:
            continue
        if packet.size and packet.pts is None:
            raise CannotKeepPacketsError("a packet does not tell when it is shown")
        if packet.pts is not None:
            yield Coded(bytes(packet), packet.pts, packet.is_keyframe, packet.duration or 0)


def _bounds_s(packets: Sequence[Coded], reading: Reading) -> tuple[float, float]:
    if not packets:
        raise CannotKeepPacketsError("no packet is marked as a key frame")
    stamps = [packet.stamp for packet in packets]
    base = reading.video.time_base
    return (
        float((min(stamps) - int(reading.origin)) * base),
        float((max(stamps) - int(reading.origin)) * base),
    )
