"""Reads every signal group of a scene, from lamps or a controller log: the signal reader.

Between the source and the rules; wired in as `core.ports.SignalReader`.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Frame
from traffic_ai.core.scene import Scene, SignalGroup
from traffic_ai.core.signal import SignalHistory
from traffic_ai.signals.feed import Feed, load_feed
from traffic_ai.signals.lamps import HeadReader
from traffic_ai.signals.placement import place
from traffic_ai.signals.reading import fuse
from traffic_ai.signals.timeline import Timeline

_log = logging.getLogger(__name__)


class _Group(Protocol):
    def read(self, frame: Frame) -> SignalHistory: ...


class _LampGroup:
    """A group read from its heads."""

    def __init__(self, group: SignalGroup, scene: Scene) -> None:
        size = (scene.width_px, scene.height_px)
        self._heads = [HeadReader(place(head, *size, group.id)) for head in group.heads]
        self._timeline = Timeline(group.id)
        self._size = size
        self._warned = False

    def read(self, frame: Frame) -> SignalHistory:
        """The history after this frame; a degraded or wrongly sized picture is not read."""
        width, height = frame.size_px
        if (width, height) != self._size:
            if not self._warned:
                self._warned = True
                _log.warning(
                    "camera %r: pictures of %dx%d, but its lamps are drawn for %dx%d; signals are "
                    "not read",
                    frame.info.camera_id,
                    width,
                    height,
                    *self._size,
                )
            return self._timeline.skip(frame.info.t_s)
        if frame.info.degraded:
            return self._timeline.skip(frame.info.t_s)
        t_s = frame.info.t_s
        readings = [head.read_window(frame.part(head.window_px), t_s) for head in self._heads]
        return self._timeline.update(frame.info.t_s, fuse(readings))


class _FeedGroup:
    """A group read from a controller log."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def read(self, frame: Frame) -> SignalHistory:
        """The history at this frame."""
        return self._feed.read(frame.info)


class SceneSignals:
    """Reads the signal groups of one camera session; frames come in time order.

    Raises ConfigError for a group that cannot be read at all.
    """

    def __init__(self, scene: Scene) -> None:
        self._groups: dict[str, _Group] = {
            group.id: _group(group, scene) for group in scene.signal_groups
        }

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """What is known of each group after this frame, by group id."""
        return {group_id: group.read(frame) for group_id, group in self._groups.items()}


def _group(group: SignalGroup, scene: Scene) -> _Group:
    if group.feed_csv is not None:
        return _FeedGroup(Feed(group.id, load_feed(group.feed_csv, group.feed_group or group.id)))
    if not group.heads:
        raise ConfigError(f"signal group {group.id!r} has no head and no log; give it one of them")
    return _LampGroup(group, scene)
