"""Where a camera's pictures come from: a file beside the site file, or a URL with secrets outside.

A URL may hold ${VARIABLE}s; they are put in only at the moment the source is opened, so that no
password lies in a scene, a hash or a message.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from traffic_ai.core.errors import ConfigError

# What `sources.connection` opens; said here so that a site file can be judged without opening it.
CAMERA_SCHEMES = frozenset({"rtsp", "rtsps", "http", "https"})

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(source: str) -> bool:
    """A URL, or a variable that holds one."""
    return bool(_SCHEME.match(source)) or source.startswith("${")


def is_file(path: Path) -> bool:
    """Whether there is a file; False also for a path that none can have."""
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def missing_variables(source: str, environment: Mapping[str, str]) -> list[str]:
    """Variables a URL names that the environment lacks."""
    return [name for name in _VARIABLE.findall(source) if not environment.get(name)]


def password_in_file(source: str) -> bool:
    """Whether a password is spelled out in a URL."""
    _, colon, password = _user_info(source).partition(":")
    return bool(colon) and bool(_VARIABLE.sub("", password))


def resolve(source: str, folder: Path, environment: Mapping[str, str], where: str) -> str:
    """The URL with its variables put in, or the file's path.

    Raises ConfigError, naming the variable and `where` in the site file, where one is not set.
    """
    if not is_url(source):
        return str((folder / source).resolve())
    for name in missing_variables(source, environment):
        raise ConfigError(
            f"{where}: the environment variable {name} is not set; export {name}=... first"
        )
    user_info = _user_info(source)
    if user_info:
        # As in RFC 3986, section 3.2.1: a raw "@" or "/" in a password would end it early.
        escaped = _VARIABLE.sub(lambda m: quote(environment[m[1]], safe=":"), user_info)
        source = source.replace(user_info + "@", escaped + "@", 1)
    return _VARIABLE.sub(lambda m: environment[m[1]], source)


def _user_info(source: str) -> str:
    """The part between "://" and the host's "@", or nothing."""
    authority = source.partition("://")[2].split("/", 1)[0]
    return authority.rpartition("@")[0]
