"""The camera of a world's own site file, as every command would read it."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from traffic_ai.config.site import CameraSite
from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.site import signal_rows, site_text
from traffic_ai.simulate.world import World
from traffic_ai.wiring import open_site


def world_camera(world: World) -> CameraSite:
    """The camera of the site file that would be written beside the world's video.

    Raises ConfigError where the scenario's `site` makes it one that cannot be used.
    """
    with TemporaryDirectory(prefix="traffic-ai-") as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(site_text(world, "video.mp4", "signals.csv"), encoding="utf-8")
        with (Path(folder) / "signals.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("time", "group", "aspect"))
            rows.writerows(signal_rows(world))
        try:
            return open_site(path).cameras[0]
        except ConfigError as error:
            words = str(error).replace(f"{folder}/", "")
            raise ConfigError(f"the site file of this scenario cannot be used:\n{words}") from None
