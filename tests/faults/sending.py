"""Senders that are killed: `python -m tests.faults.sending STORE BROKER_URL HOOK_URL KILLS SEED`.

Each is forked from this process, delivers what waits, and is killed (SIGKILL) at a random moment
while it does; the last one may finish.
"""

import os
import random
import select
import signal
import sys
from pathlib import Path

from traffic_ai.delivery import Delivery, Route
from traffic_ai.sinks.mqtt import MqttSink
from traffic_ai.sinks.webhook import WebhookSink
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.outbox import Destination

SECRET = "k" * 32
LONGEST_LIFE_S = 0.25


def routes(broker_url, hook_url):
    return [
        Route(Destination("hook"), WebhookSink(hook_url, SECRET)),
        Route(Destination("mqtt"), MqttSink(broker_url, "traffic-ai-test")),
    ]


def send(path, broker_url, hook_url, ready):
    """Deliver until nothing waits; `ready` is called when it begins."""
    with ViolationStore.open(path) as store:
        delivery = Delivery(store.outbox)
        delivery.start(routes(broker_url, hook_url))
        ready()
        left = delivery.drain(60.0)
        delivery.close()
    return left


def _live(path, broker_url, hook_url, pipe):
    """A sender's life; never returns."""
    try:
        left = send(path, broker_url, hook_url, lambda: os.write(pipe, b"ready"))
        os._exit(1 if left else 0)
    finally:
        os._exit(2)


def run(path, broker_url, hook_url, kills, seed):
    """Kill so many senders, then let one finish; whether it did."""
    rng = random.Random(seed)
    for number in range(kills + 1):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _live(path, broker_url, hook_url, writer)
        os.close(writer)
        assert os.read(reader, 5) == b"ready"
        if number < kills:
            select.select([reader], [], [], rng.uniform(0.0, LONGEST_LIFE_S))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reader)
    return status == 0


if __name__ == "__main__":
    done = run(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    sys.exit(0 if done else 1)
