"""Where worker processes come from: on Linux from one that has imported what they need already.

Importing takes several times as long as loading a network does. Here it is done once, beside the
caller's own, by a server that does nothing else and so can be forked: it opens nothing, and runs no
thread but those that a numerical library waits in, which see to forks themselves. Elsewhere each
worker is a new process, as the libraries of other systems do not promise to survive a fork.
"""

import signal
import sys
from multiprocessing import get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_IMPORTED_ONCE = (
    "traffic_ai.cli.process",
    "traffic_ai.batch.workers",
    "traffic_ai.wiring",
    "traffic_ai.detectors.runtime",
)


def worker_context() -> "ForkServerContext | SpawnContext":
    """What makes worker processes."""
    return get_context("forkserver") if sys.platform == "linux" else get_context("spawn")


def expect_workers() -> None:
    """Have what workers import imported by a process beside this one, from now on.

    Called before this process imports the same. Ctrl-C and the terminal's end do not reach that
    process and those that come from it; they end with this one.
    """
    if sys.platform != "linux":
        return
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(list(_IMPORTED_ONCE))
    resource_tracker.ensure_running()  # which lets Ctrl-C through, so it goes first
    let_through = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, let_through)
