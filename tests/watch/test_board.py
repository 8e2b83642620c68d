"""A watch seen from outside: status file, health pages, metrics, and the command that asks."""

import io
import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests import records
from traffic_ai.cli.live_table import LiveTable
from traffic_ai.cli.main import app
from traffic_ai.core.errors import UsageError
from traffic_ai.delivery import DeliveryView
from traffic_ai.sources.live import CameraState, LiveStatus
from traffic_ai.stores.outbox import Destination, Waiting
from traffic_ai.watch import board as board_module
from traffic_ai.watch.board import Board, parse_address
from traffic_ai.watch.view import CameraView, EvidenceCounts, UpkeepView


def view(name="gate", state=CameraState.LIVE, detail=""):
    status = LiveStatus(state, detail, 250, 20, 1, 2, 25.0, 0.1, 0.05)
    return CameraView(name, status, 23.0, 4, None, "", 0.12, 230, None, 200, 8.5, 1, 3, 2)


@pytest.fixture
def board(tmp_path):
    with closing(Board(tmp_path, ("127.0.0.1", 0))) as board:
        yield board


def get(board, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{board.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_is_healthy_while_the_watch_goes_round(board, monkeypatch):
    board.show([view()])
    assert get(board, "/healthz") == (200, "ok\n")
    now_s = time.monotonic()
    monkeypatch.setattr(board_module.time, "monotonic", lambda: now_s + 60.0)
    code, text = board.answer("/healthz")
    assert (code, "60 s" in text) == (503, True)


def test_it_is_ready_while_a_camera_gives_pictures(board):
    board.show([view("a", CameraState.OFFLINE), view("b", CameraState.DEGRADED)])
    assert get(board, "/readyz") == (200, "a: offline\nb: degraded\n")
    board.show([view("a", CameraState.OFFLINE)])
    assert get(board, "/readyz")[0] == 503


def test_metrics_tell_each_camera(board):
    board.show([view('the "gate"'), view("b", CameraState.STALLED)])
    code, text = get(board, "/metrics")
    assert code == 200
    lines = text.splitlines()
    assert 'traffic_ai_frames_received_total{camera="the \\"gate\\""} 250' in lines
    assert 'traffic_ai_camera_state{camera="b",state="stalled"} 1' in lines
    assert 'traffic_ai_camera_state{camera="b",state="live"} 0' in lines
    assert 'traffic_ai_lag_seconds{camera="b"} 0.12' in lines
    assert 'traffic_ai_inference_seconds_sum{camera="b"} 8.5' in lines
    assert 'traffic_ai_inference_seconds_count{camera="b"} 200' in lines
    assert 'traffic_ai_analysis_errors_total{camera="b"} 1' in lines
    assert 'traffic_ai_unsaved_entries{camera="b"} 3' in lines
    assert 'traffic_ai_lost_entries_total{camera="b"} 2' in lines
    assert 'traffic_ai_thinned{camera="b"} 0' in lines
    assert 'traffic_ai_starved{camera="b"} 0' in lines
    assert get(board, "/elsewhere")[0] == 404


def test_the_status_command_answers_while_a_watch_runs_and_not_after(tmp_path):
    ask = CliRunner()
    with closing(Board(tmp_path)) as board:
        board.show([view(), view("b", CameraState.MOVED, "the view moved by 3.1 px")])
        said = ask.invoke(app, ["status", str(tmp_path)])
        assert said.exit_code == 0
        assert "gate: live, 23.0 of 25.0 frames/s analysed" in said.output
        assert "b: moved (the view moved by 3.1 px)" in said.output
        as_json = json.loads(ask.invoke(app, ["status", str(tmp_path), "--json"]).output)
        assert [row["camera"] for row in as_json["cameras"]] == ["gate", "b"]
    said = ask.invoke(app, ["status", str(tmp_path)])
    assert said.exit_code == 1
    assert "no watch runs" in said.output


def test_a_watch_that_was_killed_is_told_from_one_that_runs(tmp_path):
    (tmp_path / "status.json").write_text(
        json.dumps({"written_at": "2026-05-01T12:00:00+00:00", "process": 1, "cameras": []})
    )
    said = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert said.exit_code == 1
    assert "has said nothing for" in said.output


def test_addresses_are_of_the_loopback_unless_told_otherwise():
    assert parse_address("9464") == ("127.0.0.1", 9464)
    assert parse_address("0.0.0.0:80") == ("0.0.0.0", 80)
    assert parse_address("[::1]:80") == ("::1", 80)
    for text in ("gate", "gate:", "1:99999999"):
        with pytest.raises(UsageError, match="not an address"):
            parse_address(text)


def test_a_port_that_is_taken_is_told(board, tmp_path):
    with pytest.raises(UsageError, match="give another --listen"):
        Board(tmp_path, ("127.0.0.1", board.port))


# -- the watch as a whole --------------------------------------------------------------------------


def upkeep():
    waiting = Waiting(Destination("mqtt", 100), 90, 4500, 7, 3, 1, records.START)
    return UpkeepView(
        2_500_000_000,
        False,
        EvidenceCounts(2, 5, 1, 0),
        (DeliveryView(waiting, "the broker is away"),),
        4,
        (("delivery mqtt", "dropping: 90 messages wait"),),
    )


def test_disk_evidence_and_deliveries_are_in_the_metrics(board):
    board.show([view()], upkeep())
    lines = get(board, "/metrics")[1].splitlines()
    for line in (
        "traffic_ai_disk_free_bytes 2500000000",
        "traffic_ai_disk_full 0",
        "traffic_ai_evidence_owed 2",
        "traffic_ai_evidence_failed_total 1",
        "traffic_ai_records_deleted_total 4",
        "traffic_ai_alarms 1",
        'traffic_ai_outbox_messages{destination="mqtt"} 90',
        'traffic_ai_outbox_full_ratio{destination="mqtt"} 0.9',
        'traffic_ai_outbox_dropped_total{destination="mqtt"} 3',
        'traffic_ai_delivery_up{destination="mqtt"} 0',
    ):
        assert line in lines


def test_the_status_tells_of_them_too(tmp_path):
    ask = CliRunner()
    with closing(Board(tmp_path)) as board:
        board.show([view()], upkeep())
        said = ask.invoke(app, ["status", str(tmp_path)]).output
        as_json = json.loads(ask.invoke(app, ["status", str(tmp_path), "--json"]).output)
    assert "disk: 2.5 GB free; evidence: 2 owed, 5 written, 1 failed" in said
    assert "delivery mqtt: 90 waiting, 7 delivered, 3 dropped, 1 refused" in said
    assert "ALARM delivery mqtt: dropping: 90 messages wait" in said
    assert as_json["disk"] == {"free_bytes": 2_500_000_000, "full": False}
    assert as_json["deliveries"][0]["oldest_at"] == "2026-05-01T03:00:00+00:00"


def test_the_table_shows_them_on_a_terminal():
    from rich.console import Console

    from traffic_ai.cli.live_table import _table

    console = Console(width=160, file=io.StringIO())
    console.print(_table([view()], upkeep()))
    shown = console.file.getvalue()
    assert "disk 2.5 GB free; evidence 2 owed, 1 failed; mqtt 90 waiting" in shown
    assert "delivery mqtt: dropping: 90 messages wait" in shown


def test_a_caller_that_says_nothing_is_hung_up_on(board, monkeypatch):
    handler = board._server.RequestHandlerClass
    monkeypatch.setattr(handler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", board.port), timeout=10.0) as caller:
        assert caller.recv(100) == b""


def test_a_camera_of_which_too_few_frames_are_analysed_is_told_from_one_that_is_thinned(capsys):
    def seen(analysed_fps):
        return replace(view(), analysed_fps=analysed_fps)

    told = [(seen(fps).is_thinned, seen(fps).is_starved) for fps in (24.0, 8.0, 1.4)]
    assert told == [(False, False), (True, False), (True, True)]
    LiveTable().show([seen(8.0)])
    assert "hardly anything" not in capsys.readouterr().err
    LiveTable().show([seen(8.0), seen(1.4)])
    assert "hardly anything can be decided" in capsys.readouterr().err
