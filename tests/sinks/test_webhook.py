"""What a receiver of webhooks gets, how it can check it, and what becomes of its answers."""

import base64
import json
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.broker import Receiver, held_port
from tests.records import START, violation
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.message import camera_changed, violation_changed, violation_found
from traffic_ai.sinks.webhook import WebhookSink

SECRET = "a secret of more than 16 bytes"


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def receiver(ends):
    receiver = Receiver()
    ends.callback(receiver.close)
    return receiver


def sink_to(ends, url, secret=SECRET, **more):
    sink = WebhookSink(url, secret, **more)
    ends.callback(sink.close)
    return sink


def some(count):
    return {n: violation_found(violation(t_s=float(n)), START) for n in range(1, count + 1)}


def is_genuine(headers, body, secret=SECRET, now_s=1_800_000_000):
    """What the lines say that docs/delivery.md gives to receivers."""
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()
    lines = page.partition("```python\n")[2].partition("```")[0]
    found = {}
    exec(lines, found)
    found["time"] = SimpleNamespace(time=lambda: now_s)
    return found["is_genuine"](headers, body, secret)


def test_a_violation_comes_as_a_signed_cloud_event_with_its_id(receiver, ends):
    sink = sink_to(ends, receiver.url("/hook?site=1"), clock=lambda: 1_800_000_000.4)
    messages = some(1)
    assert sink.send(messages).delivered == {1}
    ((headers, body),) = receiver.taken
    event = json.loads(body)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": violation(t_s=1.0).id,
        "source": "/traffic-ai/cameras/gate",
        "type": "traffic-ai.violation.new",
        "subject": violation(t_s=1.0).id,
        "time": "2026-05-01T03:00:00+00:00",
        "datacontenttype": "application/json",
    }
    assert data == json.loads(messages[1].body)
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert headers["webhook-id"] == event["id"]
    assert is_genuine(headers, body)
    assert not is_genuine(headers, body + b" ")
    assert not is_genuine(headers, body, "another secret, of 16 bytes")
    assert not is_genuine(headers | {"webhook-timestamp": "1800000001"}, body)
    assert not is_genuine(headers, body, now_s=1_800_000_301)


def test_a_change_is_another_event_about_the_same_violation(receiver, ends):
    found = violation()
    change = {"state": "written", "path": "evidence/x", "message": ""}
    messages = {
        1: violation_found(found, START),
        2: violation_changed(found.id, "gate", START, "evidence", change),
        3: camera_changed("gate", "live", "", START),
    }
    sink_to(ends, receiver.url()).send(messages)
    events = [json.loads(body) for _, body in receiver.taken]
    assert [e["type"].removeprefix("traffic-ai.") for e in events] == [
        "violation.new",
        "violation.update",
        "camera.update",
    ]
    assert len({e["id"] for e in events}) == 3
    assert [e["subject"] for e in events] == [found.id, found.id, "gate"]


def test_a_secret_in_base64_is_its_bytes(receiver, ends):
    encoded = "whsec_" + base64.b64encode(SECRET.encode()).decode()
    sink_to(ends, receiver.url(), encoded, clock=lambda: 1_800_000_000).send(some(1))
    ((headers, body),) = receiver.taken
    assert is_genuine(headers, body)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_in_trouble_gets_the_rest_later(receiver, ends, status):
    receiver.answers.put(200)
    receiver.answers.put((status, {"Retry-After": "7"}))
    receipt = sink_to(ends, receiver.url()).send(some(3))
    assert (receipt.delivered, receipt.refused) == ({1}, {})
    assert f"answered {status}" in receipt.trouble
    assert (receipt.is_refusal, receipt.wait_s) == (False, 7.0)
    assert len(receiver.seen) == 2


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_message_that_is_never_taken_does_not_keep_the_others(receiver, ends, status):
    receiver.answers.put(status)
    receipt = sink_to(ends, receiver.url()).send(some(3))
    assert (receipt.delivered, receipt.refused) == ({2, 3}, {1: f"answered {status}"})
    assert receipt.trouble == ""


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410])
def test_an_address_that_refuses_all_keeps_all_and_is_not_pressed(receiver, ends, status):
    receiver.answers.put(status)
    receipt = sink_to(ends, receiver.url()).send(some(3))
    assert (receipt.delivered, receipt.refused, receipt.is_refusal) == (frozenset(), {}, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(receiver, ends, status):
    other = Receiver()
    ends.callback(other.close)
    receiver.answers.put((status, {"Location": other.url("/hook?token=hunter2")}))
    receipt = sink_to(ends, receiver.url()).send(some(1))
    assert receipt.delivered == frozenset()
    assert receipt.is_refusal
    assert receipt.trouble.endswith(f"answered {status}, to be found at {other.url('')}")
    assert "hunter2" not in receipt.trouble
    assert other.seen == []


def test_an_answer_that_is_lost_is_asked_for_again_with_the_same_id(receiver, ends):
    receiver.answers.put("hang up")
    sink = sink_to(ends, receiver.url())
    receipt = sink.send(some(1))
    assert receipt.delivered == frozenset()
    assert "cannot be reached" in receipt.trouble or "answers no HTTP" in receipt.trouble
    assert sink.send(some(1)).delivered == {1}
    assert len({json.loads(body)["id"] for _, body, _ in receiver.seen}) == 1


def test_an_idle_connection_that_the_receiver_closed_costs_nothing(receiver, ends):
    sink = sink_to(ends, receiver.url())
    sink.send(some(1))
    receiver.answers.put((200, {"Connection": "close"}))
    sink.send(some(1))
    assert sink.send(some(2)).delivered == {1, 2}


def test_no_receiver_and_one_that_is_mute_are_trouble(ends):
    nobody = f"http://127.0.0.1:{ends.enter_context(held_port())}/"
    receipt = sink_to(ends, nobody).send(some(1))
    assert "cannot be reached: Connection refused" in receipt.trouble
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        receipt = sink_to(ends, url, timeout_s=0.2).send(some(1))
    assert "does not answer" in receipt.trouble
    assert not receipt.is_refusal


def test_what_answers_no_http_is_trouble(ends):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        receipt = sink_to(ends, url).send(some(1))
        thread.join()
    assert "answers no HTTP" in receipt.trouble


def test_user_and_password_are_sent_and_shown_nowhere(receiver, ends):
    url = f"http://gate:hun%40ter2@127.0.0.1:{receiver.port}/hook?token=s3cret"
    receiver.answers.put(500)
    sink = sink_to(ends, url)
    receipt = sink.send(some(1))
    ((headers, _, _),) = receiver.seen
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"gate:hun@ter2"
    said = receipt.trouble + repr(sink) + repr(sink._address) + sink._address.shown
    assert not any(secret in said for secret in ("hun@ter2", "hun%40ter2", "s3cret"))


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("ftp://office/hook", SECRET, "not an address"),
        ("file:///etc/passwd", SECRET, "not an address"),
        ("https://", SECRET, "names no host"),
        ("https://office/ho ok", SECRET, "percent-encode"),
        ("https://office/h\u00f6ok", SECRET, "percent-encode"),
        ("https://office/hook", "short", "give at least 16"),
        ("https://office/hook", "whsec_???", "no base64"),
    ],
)
def test_what_cannot_be_used_is_refused(url, secret, why):
    with pytest.raises(ConfigError, match=why):
        WebhookSink(url, secret)
