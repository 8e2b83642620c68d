"""Pictures come and go in threads while what is small stays: the process must not grow by it."""

import subprocess
import sys

import pytest

GROW = """
import queue, resource, threading
import numpy as np
{first}
made, kept = queue.Queue(4), []
def decode():
    for i in range(300):
        made.put(np.full((720, 1280, 3), i % 255, np.uint8))
        made.put([object() for _ in range(3000)])
    made.put(None)
threading.Thread(target=decode).start()
begin = None
while (item := made.get()) is not None:
    if isinstance(item, list):
        kept.append(item)
    elif begin is None:
        begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""
FIRST = "from traffic_ai.core.memory import give_back_large_blocks as give; give()"


def faults(first: str) -> int:
    """Pages that were new to the process over 300 pictures."""
    code = GROW.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is of glibc")
def test_each_picture_gets_memory_of_its_own_that_goes_back_with_it() -> None:
    pages_a_picture = 720 * 1280 * 3 // 4096
    assert faults(FIRST) > 0.9 * 300 * pages_a_picture
