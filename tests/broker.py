"""A real MQTT broker on a free port, somebody who listens to it, and a receiver of webhooks."""

import contextlib
import getpass
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def _missing():
    if MOSQUITTO is None:
        return "needs the MQTT broker mosquitto"
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError:
        return "needs the extra `mqtt` (paho-mqtt)"
    return ""


needs_mqtt = pytest.mark.skipif(bool(_missing()), reason=_missing() or "")


PATIENCE_S = 60.0
"""Longer than anything takes, on a computer that is busy elsewhere."""


@contextlib.contextmanager
def held_port():
    """A port on which nobody listens, and which nobody is given meanwhile.

    A server that may use an address again (SO_REUSEADDR) can listen on it all the same.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class Broker:
    """Mosquitto; `kill` and `start` as often as wanted, on the same port, until `close`.

    It keeps at once what it acknowledged, so that what is missing was lost by the sender.
    """

    def __init__(self, folder, *lines):
        self._ends = contextlib.ExitStack()
        self.port = self._ends.enter_context(held_port())
        self._folder = folder
        (folder / "broker.conf").write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    "allow_anonymous true" if not lines else "",
                    f"user {getpass.getuser()}",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_on_changes true",
                    "autosave_interval 1",
                    "max_inflight_messages 0",
                    "max_queued_messages 0",
                    *lines,
                    "",
                ]
            )
        )
        self.process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        log = (self._folder / "broker.log").open("ab")
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._folder / "broker.conf")], stdout=log, stderr=log
        )
        log.close()
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return self
            except OSError:
                assert time.monotonic() < until_s
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.02)
                    raise AssertionError((self._folder / "broker.log").read_text()) from None

    @contextlib.contextmanager
    def frozen(self):
        """It stands still, as does a host that hangs: connected, and without an answer."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def close(self):
        """Kill it for good."""
        self.kill()
        self._ends.close()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Listener:
    """Listens to all topics below a prefix, comes back by itself, and keeps what it was told."""

    def __init__(self, port, prefix="traffic-ai"):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard = []
        """(topic, text, retained) in order."""
        self.at = {}
        """What to do as soon as so many texts were heard."""
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"listener-{port}", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{prefix}/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def _take(self, _client, _data, message):
        with self._changed:
            self.heard.append((message.topic, message.payload.decode(), message.retain))
            self.at.pop(len(self.heard), lambda: None)()
            self._changed.notify_all()

    def of(self, topic):
        return [text for told, text, _ in list(self.heard) if told == topic]

    def ids(self, topic="traffic-ai/violations"):
        return [json.loads(text)["id"] for text in self.of(topic)]

    def until(self, wanted, seconds=PATIENCE_S):
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self), seconds), self.heard[-5:]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Receiver:
    """Takes webhooks; `answers` holds what to answer next, 200 where it is empty.

    An answer is a status, (status, headers), or "hang up": the body is read, and no answer comes.
    From number `dies_at` on it hangs up on everybody.
    """

    def __init__(self, port=0, dies_at=None):
        self._dies_at = dies_at
        self.taken = []
        """(headers, body) of each request that was answered 2xx."""
        self.seen = []
        """(headers, body, answer) of each request."""
        self.answers = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver._open.append(self.connection)

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) == length:  # else the sender died over it
                    receiver._answer(self, body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.port}{path}"

    def _answer(self, handler, body):
        try:
            answer = self.answers.get_nowait()
        except queue.Empty:
            answer = 200
        if self._dies_at is not None and len(self.seen) >= self._dies_at:
            answer = "hang up"
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        with self._changed:
            self.seen.append((dict(handler.headers), body, answer))
            if status != "hang up" and 200 <= status < 300:
                self.taken.append((dict(handler.headers), body))
            self._changed.notify_all()
        if status == "hang up":
            handler.close_connection = True
            return
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def ids(self):
        return [json.loads(body)["id"] for _, body in list(self.taken)]

    def until(self, wanted, seconds=PATIENCE_S):
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self), seconds), len(self.taken)

    def close(self):
        """Die: whoever is connected is cut off."""
        self._server.shutdown()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.server_close()
