"""Memory that a reader process writes pictures into and the watching process reads them from.

No file and no name: it is gone with the last process that has it, also where that was killed, and
is not bound by the size of /dev/shm, which containers keep small.
"""

import mmap
import os

import numpy as np

from traffic_ai.core.frame import Image

SLOT_COUNT = 4
"""One is looked at, one waits to be, one is being written, and one is on its way between."""


class FrameSlots:
    """Room for SLOT_COUNT pictures of one size.

    Whoever holds a slot's number may touch it: it goes from the writer to the reader with a frame
    and back when the frame is done with, so no lock is needed that a killed process could keep.
    """

    def __init__(self, descriptor: int, width_px: int, height_px: int) -> None:
        self._shape = (height_px, width_px, 3)
        self._size = width_px * height_px * 3
        self._memory = mmap.mmap(descriptor, self._size * SLOT_COUNT)

    def image(self, slot: int) -> Image:
        """The picture (H, W, 3) in a slot, not copied."""
        flat = np.frombuffer(self._memory, np.uint8, self._size, slot * self._size)
        return flat.reshape(self._shape)


def new_memory(width_px: int, height_px: int) -> int:
    """A descriptor of memory for FrameSlots of that size."""
    descriptor = os.memfd_create("traffic-ai pictures", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, width_px * height_px * 3 * SLOT_COUNT)
    return descriptor
