"""What needs no detector, done ahead of it: the view is checked and the signals are read.

The thread that decodes does it, so that less stands between one look of the detector and the next.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from traffic_ai.batch.steady import SteadyView
from traffic_ai.core.frame import Frame
from traffic_ai.core.ports import FrameSource, SignalReader
from traffic_ai.core.signal import SignalHistory


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame as it may be judged, None while the camera looks elsewhere, and its signals."""

    t_s: float
    frame: Frame | None
    signals: Mapping[str, SignalHistory]


class PreparedFrames:
    """The frames of a source, prepared as they are read.

    new_signals: makes the signals' reader; a new one is begun whenever the view comes back, as the
    session is then a new one.
    """

    def __init__(
        self, source: FrameSource, view: SteadyView, new_signals: Callable[[], SignalReader]
    ) -> None:
        self._source = source
        self._view = view
        self._new_signals = new_signals

    def frames(self) -> Iterator[Prepared]:
        """Each frame in order; raises what the source raises."""
        signals: SignalReader | None = None
        for frame in self._source.frames():
            seen = self._view.seen(frame)
            if seen is None:
                signals = None
                yield Prepared(frame.info.t_s, None, {})
                continue
            signals = signals or self._new_signals()
            yield Prepared(frame.info.t_s, seen, signals.read(seen))


class SignalsAsRead:
    """Signals that were read before, for a session to ask for; a `core.ports.SignalReader`."""

    def __init__(self) -> None:
        self.now: Mapping[str, SignalHistory] = {}

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """Those of the frame that is in work."""
        return self.now
