"""Memory: large blocks go back to the system when they are freed. Called once, as a run begins."""

import ctypes

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
