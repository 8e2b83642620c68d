"""The systemd unit and the container file: what they start runs, answers and ends as they say."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from tests.blocks import ROOT, write_site
from traffic_ai.watch.board import Board
from traffic_ai.watch.notify import Notifier

UNIT = ROOT / "deploy" / "traffic-ai.service"
CONTAINER = ROOT / "deploy" / "Containerfile"


def unit_command():
    """The arguments of the unit's program."""
    [line] = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    return shlex.split(line)


def container_lists():
    """The container file's JSON lists by instruction."""
    found = re.findall(r"^(ENTRYPOINT|CMD|HEALTHCHECK)\b.*?(\[.*\])$", CONTAINER.read_text(), re.M)
    return {name: json.loads(text) for name, text in found}


@contextmanager
def manager(folder):
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(folder / "notify"))
        channel.settimeout(60.0)
        yield channel


@pytest.fixture
def silent_port():
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_unit_is_one_that_systemd_takes(tmp_path):
    unit = tmp_path / "traffic-ai.service"
    unit.write_text(UNIT.read_text().replace(unit_command()[0], sys.executable))
    said = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (unit_command()[1:], signal.SIGTERM),
        (container_lists()["CMD"], signal.SIGTERM),
        (unit_command()[1:], signal.SIGHUP),
    ],
    ids=["unit", "container", "terminal gone"],
)
def test_what_is_started_tells_the_service_manager_and_ends_cleanly(
    tmp_path, silent_port, command, number
):
    url = f"rtsp://127.0.0.1:{silent_port}/cam"
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": url})
    places = {"--site": str(site), "--out": str(tmp_path / "out"), "--listen": "0"}
    for name, value in places.items():
        command = [
            value if before == name else word
            for before, word in zip(["", *command], command, strict=False)
        ]
    with manager(tmp_path) as channel:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.blocks", *command],
            cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # as without nohup
        )
        try:
            first = channel.recv(4096).decode().split("\n")
            assert first[:2] == ["READY=1", "WATCHDOG=1"]
            assert first[2] == "STATUS=0 of 1 cameras give pictures"
            assert channel.recv(4096).decode().startswith("WATCHDOG=1")
            process.send_signal(number)
            while (word := channel.recv(4096).decode()) != "STOPPING=1":
                assert word.startswith("WATCHDOG=1")
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, said


def test_the_containers_health_is_that_of_the_watch(tmp_path):
    _, *rest = container_lists()["HEALTHCHECK"]
    with closing(Board(tmp_path, ("127.0.0.1", 0))) as board:
        asked = [word.replace(":9464", f":{board.port}") for word in rest]
        assert asked != rest
        subprocess.run([sys.executable, *asked], check=True)
    gone = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
    assert gone.returncode != 0


def test_without_a_service_manager_nothing_is_said(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().alive([])
    Notifier().ending()


def test_a_service_manager_that_is_gone_ends_no_watch(tmp_path):
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.alive([])
    notifier.alive([])


def test_a_word_that_was_not_heard_ends_no_conversation(tmp_path):
    notifier = Notifier(str(tmp_path / "notify"))
    notifier.alive([])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(10.0)
        notifier.alive([])
        assert channel.recv(4096).startswith(b"READY=1\nWATCHDOG=1\n")
        notifier.alive([])
        assert channel.recv(4096).startswith(b"WATCHDOG=1\n")


def test_addresses_without_a_file_are_spoken_to_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0traffic-ai-test-{os.getpid()}")
        channel.settimeout(10.0)
        Notifier(f"@traffic-ai-test-{os.getpid()}").alive([])
        assert channel.recv(4096) == (b"READY=1\nWATCHDOG=1\nSTATUS=0 of 0 cameras give pictures")
