"""What a real broker gets, and what is said where it cannot have it."""

import json
import logging
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.broker import PATIENCE_S, Broker, Listener, held_port, needs_mqtt
from tests.records import START, violation
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.message import camera_changed, violation_found
from traffic_ai.sinks.mqtt import MqttSink

pytestmark = needs_mqtt


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def broker(tmp_path, ends):
    broker = Broker(tmp_path).start()
    ends.callback(broker.close)
    return broker


def sink_to(ends, url, **more):
    sink = MqttSink(url, "traffic-ai-test", **more)
    ends.callback(sink.close)
    return sink


def nobody(ends):
    """The address of a broker that is not there."""
    return f"mqtt://127.0.0.1:{ends.enter_context(held_port())}"


def some(count):
    return {n: violation_found(violation(t_s=float(n)), START) for n in range(1, count + 1)}


def test_violations_and_states_have_their_topics(broker, ends):
    listener = Listener(broker.port)
    ends.callback(listener.close)
    sink = sink_to(ends, broker.url)
    messages = some(2) | {7: camera_changed("gate", "stalled", "nothing for 5 s", START)}
    receipt = sink.send(messages)
    assert (receipt.delivered, receipt.trouble) == (frozenset(messages), "")
    sink.tell('{"cameras":1}')
    listener.until(lambda heard: heard.of("traffic-ai/stats"))
    assert listener.of("traffic-ai/violations") == [messages[1].body, messages[2].body]
    assert listener.ids() == [messages[1].subject, messages[2].subject]
    (state,) = listener.of("traffic-ai/gate/status")
    assert json.loads(state)["state"] == "stalled"
    assert listener.of("traffic-ai/available")[0] == "online"
    sink.close()
    listener.until(lambda heard: heard.of("traffic-ai/available")[-1] == "offline")


def test_who_comes_later_learns_the_states_and_no_old_violation(broker, ends):
    sink = sink_to(ends, broker.url, prefix="city/gates")
    sink.send(some(1) | {7: camera_changed("gate", "live", "", START)})
    late = Listener(broker.port, "city/gates")
    ends.callback(late.close)
    late.until(lambda heard: len(heard.heard) >= 2)
    assert {topic for topic, _, retained in late.heard if retained} == {
        "city/gates/available",
        "city/gates/gate/status",
    }


def test_a_watch_that_dies_is_said_to_be_offline_by_its_last_will(broker, ends):
    listener = Listener(broker.port)
    ends.callback(listener.close)
    sink = sink_to(ends, broker.url)
    sink.send({})
    listener.until(lambda heard: heard.of("traffic-ai/available") == ["online"])
    sink._client.socket().shutdown(socket.SHUT_RDWR)  # as when its computer is switched off
    listener.until(lambda heard: heard.of("traffic-ai/available")[-1] == "offline")
    with sink._changed:  # the broker may learn of it, and tell, before the sink's own thread does
        assert sink._changed.wait_for(lambda: sink._lost, PATIENCE_S)
    assert sink.send({}).trouble == ""
    listener.until(lambda heard: heard.of("traffic-ai/available")[-1] == "online")


def test_no_broker_is_trouble_and_nothing_is_delivered(ends):
    receipt = sink_to(ends, nobody(ends)).send(some(1))
    assert receipt.delivered == frozenset()
    assert "cannot be reached: Connection refused" in receipt.trouble
    assert not receipt.is_refusal
    receipt = sink_to(ends, "mqtt://broker.invalid").send(some(1))
    assert "not known by that name" in receipt.trouble or "cannot be reached" in receipt.trouble


def test_a_broker_that_is_away_for_long_costs_no_descriptor(ends):
    sink = sink_to(ends, nobody(ends))
    sink.send({})
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(50):
        assert sink.send({}).trouble
    assert len(list(descriptors.iterdir())) <= before + 2


@pytest.fixture
def send_to_frozen(broker, monkeypatch):
    """Sends to a broker that stands still; little is waited for an answer that never comes."""

    def send(sink, messages):
        with broker.frozen(), monkeypatch.context() as patch:
            patch.setattr("traffic_ai.sinks.mqtt._ANSWER_S", 0.3)
            return sink.send(messages)

    return send


def test_an_acknowledgement_of_long_ago_is_not_taken_for_a_new_one(broker, ends, send_to_frozen):
    sink = sink_to(ends, broker.url)
    assert sink.send(some(1)).delivered == {1}
    sink._acknowledged |= set(range(1, 100))  # numbers that will be used again
    assert send_to_frozen(sink, some(3)).delivered == frozenset()


def test_a_broker_that_acknowledges_nothing_is_given_up(broker, ends, send_to_frozen):
    sink = sink_to(ends, broker.url)
    assert sink.send(some(1)).trouble == ""
    receipt = send_to_frozen(sink, some(3))
    assert receipt.delivered == frozenset()
    assert "acknowledged nothing" in receipt.trouble
    assert sink.send(some(3)).delivered == {1, 2, 3}


def test_a_wrong_password_is_a_refusal_and_shows_nowhere(tmp_path, ends, caplog):
    caplog.set_level(logging.DEBUG)
    passwords = tmp_path / "passwords"
    tool = "/usr/bin/mosquitto_passwd"
    subprocess.run([tool, "-b", "-c", passwords, "gate", "right@pw"], check=True)
    passwords.chmod(0o644)
    lines = ("allow_anonymous false", f"password_file {passwords}")
    broker = Broker(tmp_path, *lines).start()
    ends.callback(broker.close)
    host = f"127.0.0.1:{broker.port}"
    wrong = sink_to(ends, f"mqtt://gate:hunter2@{host}")
    receipt = wrong.send(some(1))
    assert (receipt.is_refusal, receipt.delivered) == (True, frozenset())
    assert "refuses the user or password" in receipt.trouble
    assert "hunter2" not in receipt.trouble + caplog.text + repr(vars(wrong))
    assert sink_to(ends, f"mqtt://gate:right%40pw@{host}").send(some(1)).delivered == {1}


# paho lets go of a socket whose handshake failed without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_checked_by_the_authority_that_is_named(tmp_path, ends):
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert),
    )
    key.chmod(0o644)
    lines = (f"certfile {cert}", f"keyfile {key}", "allow_anonymous true")
    broker = Broker(tmp_path, *lines)
    broker.start()
    ends.callback(broker.close)
    url = f"mqtts://127.0.0.1:{broker.port}"
    assert sink_to(ends, url, ca_file=cert).send(some(1)).delivered == {1}
    assert "certificate that does not hold" in sink_to(ends, url).send(some(1)).trouble
    with pytest.raises(ConfigError, match="holds no certificates"):
        sink_to(ends, url, ca_file=key)


@pytest.mark.parametrize(
    "url", ["http://broker", "mqtt://", "mqtt://broker:port", "mqtt://gate:hunter2@ho st"]
)
def test_other_addresses_are_refused_without_their_secrets(url):
    with pytest.raises(ConfigError) as caught:
        MqttSink(url, "x")
    assert "hunter2" not in str(caught.value)
