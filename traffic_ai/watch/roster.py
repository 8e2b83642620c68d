"""The cameras of a watch, and how they change when the site file is edited under way."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from traffic_ai.config.site import CameraSite, Site
from traffic_ai.core.errors import TrafficAiError
from traffic_ai.watch.camera import WatchedCamera

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class Roster:
    """The cameras that are watched now. Used by one thread."""

    def __init__(self, make: Callable[[CameraSite], WatchedCamera]) -> None:
        self._make = make
        self._sites: dict[str, tuple[str | None, str, tuple[str, ...]]] = {}
        self._cameras: dict[str, WatchedCamera] = {}

    @property
    def cameras(self) -> Sequence[WatchedCamera]:
        """In the order in which they came."""
        return tuple(self._cameras.values())

    def apply(self, sites: Sequence[CameraSite]) -> None:
        """Watch exactly these: new ones begin, others end, altered ones begin anew.

        All new ones are made before anything is changed, so that an error changes nothing.
        """
        wanted = {site.id: (site.source, site.config_hash, site.encrypt_for) for site in sites}
        new = [site for site in sites if self._sites.get(site.id) != wanted[site.id]]
        made = [self._make(site) for site in new]
        gone = [name for name, what in self._sites.items() if wanted.get(name) != what]
        _hang_up([self._cameras[name] for name in gone])
        for name in gone:
            self._cameras.pop(name).stop()
            del self._sites[name]
        for camera in made:
            self._cameras[camera.id] = camera
            self._sites[camera.id] = wanted[camera.id]
            camera.start()
        if gone or made:
            _log.info("watching %s", ", ".join(self._cameras))

    def stop(self) -> None:
        """End every camera, whatever happens to the others."""
        with ExitStack() as ending:
            for camera in self._cameras.values():
                ending.callback(camera.stop)
            ending.callback(_hang_up, self.cameras)


class SiteFile:
    """A site file that is looked at again and again.

    `path` is opened by `open_site`; a file that cannot be used is refused, once, and what was
    there before stays.
    """

    def __init__(self, path: Path, open_site: Callable[[Path], Site]) -> None:
        self._path = path
        self._open_site = open_site
        self._seen = self._stamp()
        self._postponed: _Stamp | None = None

    def changed(self) -> Site | None:
        """The site, if the file was changed since the last look and can be used."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            return self._open_site(self._path)
        except (TrafficAiError, OSError) as error:
            self.refuse(error)
            return None

    def refuse(self, error: Exception) -> None:
        """Say that the file's change is not followed."""
        _log.error("%s was changed and is not followed: %s", self._path, error)

    def postpone(self, error: Exception) -> None:
        """Have the change seen again at the next look, as it cannot be followed yet; said once."""
        if self._seen != self._postponed:
            _log.warning("%s was changed and is not followed yet: %s", self._path, error)
        self._postponed, self._seen = self._seen, None

    def _stamp(self) -> _Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None  # an editor is putting a new one in its place
        return found.st_mtime_ns, found.st_size, found.st_ino


def _hang_up(cameras: Sequence[WatchedCamera]) -> None:
    """End streams all at once: a camera that does not answer is waited for up to seconds."""
    if not cameras:
        return
    with ThreadPoolExecutor(len(cameras)) as pool:
        for camera in cameras:
            pool.submit(camera.hang_up)
