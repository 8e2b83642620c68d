"""Writers of violations that are killed: `python -m tests.faults.killing OUT KILLS SEED`.

Each is forked from this process, which has everything loaded, goes through what a watch does with a
violation (row and messages, package, note of it, delivery), and is killed (SIGKILL) at a random
moment. One JSON line is printed: what the writers had reported as done before they died.
"""

import json
import os
import random
import select
import signal
import sys
from pathlib import Path

import numpy as np

from tests import records
from traffic_ai.core.ports import Clip
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.clips import write_images
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.outbox import Destination
from traffic_ai.stores.records import CameraEvent
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME

DESTINATION = Destination("office")
SIZE_PX = (176, 144)
MOST_STEPS = 9
LONGEST_STEP_S = 0.05
KINDS = (ViolationKind.RED_LIGHT, ViolationKind.SPEEDING)


class Footage(records.MadeFootage):
    """Made footage whose clips are films."""

    def clip(self, start_s, end_s, stem):
        pictures = [(t / 5.0, np.full((48, 64, 3), 40 * t, np.uint8)) for t in range(4)]
        return Clip(write_images(pictures, stem), start_s, end_s, reencoded=True)


def write(out, number, tell):
    """Write violations until killed; `tell` reports what was done, a word and an id."""
    scene = records.scene(*SIZE_PX)
    recorder = EvidenceRecorder(out / EVIDENCE_NAME, lead_s=0.1, trail_s=0.1)
    with ViolationStore.open(out / STORE_NAME) as store:
        store.start_source(records.KEY, "rtsp://***@gate/cam")
        tell("ready", "")
        for count in range(100):
            t_s = 10.0 * (100 * number + count) + 5.0
            made = records.violation(KINDS[count % 2], t_s)
            store.add_findings(records.KEY, [made, records.near_miss(t_s)])
            tell("found", made.id)
            footage = Footage(*SIZE_PX, first_s=t_s - 5.0, last_s=t_s + 5.0)
            result = recorder.record(made, footage, scene, None)
            store.set_evidence(made.id, result.state, result.path, result.message)
            tell("written" if result.path else "failed", made.id)
            store.add_camera_event(CameraEvent(records.START, "gate", "live"))
            messages = store.outbox.take(DESTINATION.name, 4)
            for message in messages.values():
                tell("delivered", message.id)
            store.outbox.settle(DESTINATION.name, list(messages), {})


def _live(out, number, pipe):
    """A writer's life; never returns."""

    def tell(word, name):
        os.write(pipe, f"{word} {name}\n".encode())

    try:
        write(out, number, tell)
    except BaseException as error:
        tell("error", repr(error).replace("\n", " "))
    os._exit(1)


def run(out, kills, seed):
    """Kill so many writers; what they reported, by word."""
    rng = random.Random(seed)
    with ViolationStore.open(out / STORE_NAME) as store:
        store.outbox.open([DESTINATION])
    reported = {}
    for number in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _live(out, number, writer)
        os.close(writer)
        # So many steps are let pass, and some of the next.
        text, steps = b"", rng.randint(1, MOST_STEPS)
        while text.count(b"\n") < steps and (more := os.read(reader, 65536)):
            text += more
        select.select([], [], [], rng.uniform(0.0, LONGEST_STEP_S))
        os.kill(child, signal.SIGKILL)
        while more := os.read(reader, 65536):
            text += more
        os.close(reader)
        os.waitpid(child, 0)
        for line in text.decode().splitlines():
            word, _, name = line.partition(" ")
            reported.setdefault(word, []).append(name)
    return reported


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
