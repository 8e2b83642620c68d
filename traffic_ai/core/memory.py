"""Memory: what is freed goes back to the system, what stays is left alone.

Called as a run begins.
"""

import ctypes
import gc

_MMAP_THRESHOLD = -3  # mallopt's M_MMAP_THRESHOLD (glibc, malloc.h)
_LARGE_BYTES = 1 << 20  # less than any picture worth looking at


def give_back_large_blocks() -> None:
    """Keep pictures out of the heap.

    Pictures are made in one thread and let go in another. glibc takes the first that is freed as a
    reason to keep the next ones in the heap, where what is small and lives long settles between
    them: a process grows to twice what it needs within a minute. With a fixed threshold each
    picture has a mapping of its own. Does nothing where the C library has no such setting.
    """
    try:
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
    except (OSError, AttributeError):
        return


def give_back_free_blocks() -> None:
    """Return what the heap holds but nobody uses, as after loading a network.

    Does nothing where the C library has no such call.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return


def leave_alone_what_is_loaded() -> None:
    """Keep the collector of garbage from going through what is loaded by now, which stays anyway.

    It holds up all threads, for the longer the more there is: 50 ms for the libraries of a watch.
    """
    gc.collect()
    gc.freeze()
