"""Checks of what shows a camera's signals: logs that can be read, heads large enough to be read.

Part of the fifth step of reading a site file.
"""

from pathlib import Path

from traffic_ai.config.build import build_head
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale
from traffic_ai.config.problems import KeyPath, show
from traffic_ai.config.schema import CameraModel, FeedModel, LampsModel, SignalGroupModel
from traffic_ai.config.source import is_file
from traffic_ai.core.errors import ConfigError
from traffic_ai.signals.feed import load_feed
from traffic_ai.signals.placement import place


def check_signal_groups(camera: CameraModel, at: KeyPath, folder: Path, notes: Notes) -> None:
    """Each group has lamps or a feed, and the feed's log can be read."""
    for index, group in enumerate(camera.signal_groups):
        here = (*at, "signal_groups", index)
        if group.lamps and group.feed is not None:
            notes.error(here, "both lamps and a feed are given", "keep one of them")
        elif not group.lamps and group.feed is None:
            notes.error(here, "neither lamps nor a feed are given", "add lamps: or feed:")
        elif group.feed is not None:
            _check_feed(group, group.feed, (*here, "feed"), folder, notes)


def _check_feed(
    group: SignalGroupModel, feed: FeedModel, at: KeyPath, folder: Path, notes: Notes
) -> None:
    if not is_file(folder / feed.csv):
        message = f"there is no file {show(feed.csv)}"
        notes.error((*at, "csv"), message, f"paths are relative to {folder}")
        return
    try:
        load_feed(folder / feed.csv, feed.group or group.id)
    except ConfigError as error:
        _tell(error, at, notes)


def check_head(
    lamps: LampsModel, group_id: str, scale: PictureScale, at: KeyPath, notes: Notes
) -> None:
    """A head whose boxes are in order is large enough, in a picture of that size, to be read."""
    try:
        place(build_head(lamps, scale), *scale.size_px, group_id)
    except ConfigError as error:
        _tell(error, at, notes)


def _tell(error: ConfigError, at: KeyPath, notes: Notes) -> None:
    """Its message ends in the remedy."""
    message, _, remedy = str(error).partition("; ")
    notes.error(at, message, remedy or "docs/site-file.md tells what is needed")
