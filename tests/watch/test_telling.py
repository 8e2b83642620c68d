"""A watch, from the camera to those who are told: a real stream, a real broker, a receiver."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.blocks import ROOT, packages_of, rows_of, write_site
from tests.broker import Broker, Listener, Receiver, needs_mqtt
from tests.rtsp import needs_rtsp
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME

pytestmark = [*needs_rtsp, needs_mqtt, pytest.mark.flaky(reruns=2)]

SECRETS = ("hunter2", "s3cret", "k" * 32)
DELIVERY = """\
delivery:
  mqtt: {broker: "${BROKER}"}
  webhooks: [{name: office, url: "${HOOK}", secret: "${HOOK_SECRET}"}]
"""


def test_all_that_happens_is_told_and_logged_and_no_secret_is(serve, tmp_path):
    with ExitStack() as ends:
        broker = Broker(tmp_path).start()
        ends.callback(broker.close)
        receiver = Receiver()
        ends.callback(receiver.close)
        listener = Listener(broker.port)
        ends.callback(listener.close)
        environment = {
            "BROKER": f"mqtt://gate:hunter2@127.0.0.1:{broker.port}",
            "HOOK": receiver.url("/hook?token=s3cret"),
            "HOOK_SECRET": "k" * 32,
        }
        site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
        site.write_text(site.read_text() + DELIVERY)
        out = tmp_path / "out"
        line = [sys.executable, "-m", "tests.blocks", "watch", "-s", site, "-o", out]
        watch = subprocess.Popen(
            [*map(str, line), "--log-format", "json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        try:
            listener.until(lambda heard: written(heard) and heard.of("traffic-ai/stats"), 60.0)
            status = (out / "status.json").read_text()
            watch.send_signal(signal.SIGTERM)
            printed, logged = watch.communicate(timeout=60)
        finally:
            watch.kill()
        assert watch.returncode == 0, logged
        listener.until(lambda heard: heard.of("traffic-ai/available")[-1] == "offline")
    rows = rows_of(out)["violations"]
    told = [json.loads(text) for text in listener.of("traffic-ai/violations")]
    for told_ids in (
        [m["id"] for m in told if m["type"] == "new"],
        [json.loads(b)["id"] for _, b in receiver.taken if b'"traffic-ai.violation.new"' in b],
    ):
        assert sorted(told_ids) == sorted(row["id"] for row in rows)
    paths = {m["id"]: m["evidence"]["path"] for m in told if m["type"] == "update"}
    assert paths == {row["id"]: row["evidence_path"] for row in rows}
    assert set(packages_of(out)) == set(paths)
    # Each change of the camera's state is a row and a message.
    with ViolationStore.open(out / STORE_NAME) as store:
        states = [(event.state, event.detail) for event in store.camera_events("gate")]
        assert all(w.queued == 0 for w in store.outbox.waiting())
    messages = [json.loads(text) for text in listener.of("traffic-ai/gate/status")]
    assert [(m["state"], m["detail"]) for m in messages] == states
    assert "live" in {state for state, _ in states}
    assert json.loads(listener.of("traffic-ai/stats")[0])["cameras"][0]["camera"] == "gate"
    # One JSON object a line.
    lines = [json.loads(text) for text in logged.splitlines()]
    said = [line["message"] for line in lines if line.get("camera") == "gate"]
    assert any("is live" in text for text in said)
    assert any("wrong way" in text for text in said)
    stored = (out / STORE_NAME).read_bytes().decode("latin-1")
    for text in (printed, logged, status, stored, repr(listener.heard)):
        assert not any(secret in text for secret in SECRETS)


def written(heard):
    texts = heard.of("traffic-ai/violations")
    return any(json.loads(text).get("evidence", {}).get("state") == "written" for text in texts)
