"""Real small disks and read-only folders, in a mount namespace of their own."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@functools.cache
def namespaces_work():
    """Whether this computer lets a process have mounts of its own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(
    not namespaces_work(), reason="needs unprivileged mount namespaces (unshare -Urm)"
)


def run_with_small_disk(folder, size_kb, script, *arguments, seconds=180):
    """Run Python with a file system of that size at the folder, which is lost afterwards."""
    mount = f'mount -t tmpfs -o size={size_kb}k none "{folder}"'
    return _run(mount, script, arguments, seconds)


def run_with_read_only(folder, script, *arguments):
    """Run Python with the folder and what it holds read-only."""
    mount = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}"'
    return _run(mount, script, arguments)


def _run(mount, script, arguments, seconds=180):
    command = ["unshare", "-Urm", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c"]
    return subprocess.run(
        [*command, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=seconds,
    )
