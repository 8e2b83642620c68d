"""What the parts of the pipeline promise each other.

Every protocol here has at least two implementations, or one and a test fake.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo, Image
from traffic_ai.core.message import Message
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import Track, Tracks
from traffic_ai.core.violation import Finding


class FrameSource(Protocol):
    """Frames of one camera session, once, in strictly increasing `t_s`.

    Raises SourceError when the source cannot be read on; what was yielded before stays valid.
    """

    def frames(self) -> Iterator[Frame]:
        """Yield each frame; the image belongs to the receiver."""
        ...

    def close(self) -> None:
        """Release the source; may be called twice."""
        ...


class Detector(Protocol):
    """Finds road users in a picture. Not thread-safe; deterministic for the same picture."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        ...

    def detect(self, image: Image) -> Detections:
        """Road users in a picture (H, W, 3) BGR, boxes in its own pixels."""
        ...


class Tracker(Protocol):
    """Links detections in time. One tracker per camera session; ids start at 1 in each."""

    def update(self, info: FrameInfo, detections: Detections) -> Tracks:
        """The confirmed tracks at this frame. Frames come in time order."""
        ...

    def close(self) -> Tracks:
        """End every track; called once, after the last update."""
        ...

    @property
    def histories(self) -> Mapping[int, Track]:
        """Histories of the confirmed tracks, those that just ended included."""
        ...


class SignalReader(Protocol):
    """Reads every signal group of a scene."""

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """What is known of each group after this frame, by group id."""
        ...


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a rule may look at, for one frame."""

    frame_info: FrameInfo
    tracks: Tracks
    histories: Mapping[int, Track]
    signals: Mapping[str, SignalHistory]


class Attention(Protocol):
    """Chooses the frames that are looked at. Same frames and detections, same choice."""

    @property
    def pause_s(self) -> float:
        """How soon after the last look the next one is wanted."""
        ...

    def wants(self, frame: Frame, signals: Mapping[str, SignalHistory]) -> bool:
        """Whether a frame must be looked at; signals: as known with it."""
        ...

    def looked(self, frame: Frame, found: Detections, observation: Observation) -> None:
        """Take in what a look at a frame brought."""
        ...


class Rule(Protocol):
    """Turns observations into findings. Never reads a clock, a file or a frame.

    `update` is called once a frame in time order; an ended track is named in exactly one
    observation. `close` is called once, after the last update. A rule decides on each vehicle by
    itself; one that remembers vehicles it reported before has an attribute `remembers_s`, how long,
    so that a decision can be replayed with them.
    """

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        ...

    def close(self) -> Sequence[Finding]:
        """Findings that only the end of the session makes certain."""
        ...


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of footage on disk: real bounds (whole pictures) in `t_s`, and how it was made."""

    path: Path
    start_s: float
    end_s: float
    reencoded: bool


class Footage(Protocol):
    """Where evidence is cut from: a file, or the packets a live camera sent lately."""

    def stills(self, times_s: Sequence[float]) -> list[Frame]:
        """The frame shown at each moment (the last one not later than it; the first if none is).

        Raises EvidenceError where the footage no longer reaches.
        """
        ...

    def clip(self, start_s: float, end_s: float, stem: Path) -> Clip:
        """Write the footage from start_s (or the key frame before) to end_s to `stem` + suffix.

        Source packets are kept as they are where the container allows. Raises EvidenceError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of messages that were sent, by their numbers.

    `refused`: this receiver will never take them, and why; `trouble`: why all the others must wait,
    "" where none do; `is_refusal`: trying again soon would not help; `wait_s`: how long the
    receiver asked to be left alone.
    """

    delivered: frozenset[int] = frozenset()
    refused: Mapping[int, str] = field(default_factory=dict)
    trouble: str = ""
    is_refusal: bool = False
    wait_s: float = 0.0


class Sink(Protocol):
    """Where messages go. Used by one thread.

    A message may be sent again after it was delivered, with the same id. Texts hold no secret.
    """

    def send(self, messages: Mapping[int, Message]) -> Receipt:
        """Send messages in order of their numbers; with none, see that the way is open.

        Never raises for what network and receiver do; a silent receiver is given up after seconds.
        """
        ...

    def tell(self, stats: str) -> None:
        """Tell how all is, one JSON object; not kept where it cannot be told now."""
        ...

    def close(self) -> None:
        """Say goodbye where that is possible."""
        ...
