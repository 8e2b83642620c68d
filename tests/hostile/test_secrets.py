"""A camera's user and password show nowhere, however they are written into its address."""

import io
import json
import logging
import traceback

import pytest

from tests.blocks import packages_of, write_blocks, write_site
from tests.broker import held_port
from tests.watching import Running
from traffic_ai.core.errors import TrafficAiError
from traffic_ai.sources.connection import check_url, connect
from traffic_ai.sources.live import CameraState
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch.metrics import metrics
from traffic_ai.wiring import open_site

# Password as it is typed, and how the address holds it.
ODD = {
    "plain": ("hunter2", "rtsp://admin:hunter2@{host}/cam"),
    "dot in the user": ("hunter2", "rtsp://ad.min:hunter2@{host}/cam"),
    "encoded user": ("hunter2", "rtsp://user%40d:hunter2@{host}/cam"),
    "encoded password": ("hun/ter@2", "rtsp://admin:hun%2Fter%402@{host}/cam"),
    "raw signs": ("hun@ter:2", "rtsp://admin:hun@ter:2@{host}/cam"),
    "query": ("hunter2", "rtsp://{host}/cam?user=admin&pwd=hunter2&channel=1"),
    "path": ("hunter2", "rtsp://{host}/user=admin_password=hunter2_channel=1"),
    "token": ("hunter2", "http://{host}/cam?channel=1;access_token=hunter2"),
    "only a user": ("hunter2", "rtsp://hunter2@{host}/cam"),
    "upper case": ("hunter2", "RTSP://admin:hunter2@{host}/cam"),
    "another scheme": ("hunter2", "file://admin:hunter2@{host}/cam"),
}


def spellings(secret):
    from urllib.parse import quote

    return {secret, quote(secret, safe=""), quote(secret, safe="").lower()}


def shows(text, secret):
    return [spelled for spelled in spellings(secret) if spelled.lower() in text.lower()]


@pytest.fixture
def closed_port():
    with held_port() as port:
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("name", ODD)
def test_no_traceback_of_opening_a_camera_holds_its_password(closed_port, name):
    secret, form = ODD[name]
    url = form.format(host=closed_port)

    def opened():
        check_url(url)
        connect(url, 1.0)

    with pytest.raises(TrafficAiError) as caught:
        opened()
    told = "".join(traceback.format_exception(caught.value, limit=0))
    assert shows(told, secret) == []


@pytest.mark.parametrize("name", [name for name in ODD if name != "another scheme"])
def test_a_watch_keeps_it_out_of_log_table_and_store(
    closed_port, tmp_path, monkeypatch, caplog, name
):
    """The address comes from the environment; the camera refuses the connection."""
    secret, form = ODD[name]
    monkeypatch.setenv("CAMERA_URL", form.format(host=closed_port))
    caplog.set_level(logging.DEBUG)
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": "${CAMERA_URL}"})
    running = Running(site, tmp_path / "out")
    try:
        running.until(lambda views: views["gate"].status.state is not CameraState.CONNECTING)
        views = repr(running.views)
    finally:
        running.stop()
    assert shows(caplog.text, secret) == []
    assert shows(views, secret) == []
    held = [
        path.name
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
        and any(spelled.encode() in path.read_bytes() for spelled in spellings(secret))
    ]
    assert held == []
    with ViolationStore.open(tmp_path / "out" / "violations.sqlite", read_only=True) as store:
        said = [event.detail for event in store.camera_events()]
        said += [source.location for source in store.sources()]
    assert shows(json.dumps(said), secret) == []


# The same of who is told: the environment holds the addresses and what messages are signed with.
RECEIVERS = {
    "plain": ("hunter2", "{scheme}://gate:hunter2@{host}/hook"),
    "dot in the user": ("hunter2", "{scheme}://ga.te:hunter2@{host}/hook"),
    "encoded user": ("hunter2", "{scheme}://gate%40d:hunter2@{host}/hook"),
    "encoded password": ("hun/ter@2", "{scheme}://gate:hun%2Fter%402@{host}/hook"),
    "query": ("hunter2", "{scheme}://{host}/hook?user=gate&pwd=hunter2"),
    "token": ("hunter2", "{scheme}://{host}/hook?access_token=hunter2"),
    "upper case": ("hunter2", "{scheme}://GATE:HUNTER2@{host}/hook"),
}
SIGNING = "signed with 0123456789abcdef"


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_watch_that_cannot_reach_who_is_told_keeps_their_secrets(
    closed_port, tmp_path, monkeypatch, caplog, name
):
    monkeypatch.setattr("traffic_ai.delivery._PATIENCE_S", 0.0)
    secret, form = RECEIVERS[name]
    monkeypatch.setenv("BROKER", form.format(scheme="mqtt", host=closed_port))
    monkeypatch.setenv("HOOK", form.format(scheme="http", host=closed_port))
    monkeypatch.setenv("HOOK_SECRET", SIGNING)
    monkeypatch.setenv("CAMERA_URL", f"rtsp://op:s3same@{closed_port}/cam")
    caplog.set_level(logging.DEBUG)
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": "${CAMERA_URL}"})
    with site.open("a") as stream:
        stream.write(
            "delivery: {mqtt: {broker: '${BROKER}'}, "
            "webhooks: [{url: '${HOOK}', secret: '${HOOK_SECRET}'}]}\n"
        )
    said = [repr(open_site(site))]
    running = Running(site, tmp_path / "out")
    try:
        running.until(lambda views: len(running.upkeep.alarms) == 2)
        said += [repr(running.views), repr(running.upkeep)]
        said.append(metrics(list(running.views.values()), running.upkeep))
    finally:
        running.stop()
    with ViolationStore.open(tmp_path / "out" / "violations.sqlite", read_only=True) as store:
        said += [event.detail for event in store.camera_events()]
    said += [
        path.read_bytes().decode("latin-1")
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    ]
    for hidden in (secret, SIGNING, "s3same"):
        assert shows(caplog.text, hidden) == []
        assert shows("".join(said), hidden) == []


@pytest.mark.parametrize("name", ODD)
def test_what_is_said_of_a_site_file_does_not_hold_it(tmp_path, closed_port, name):
    secret, form = ODD[name]
    text = form.format(host=closed_port)
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": text})
    said = io.StringIO()
    for extra in ("", "unknown: 1\n", "    broken: [\n"):
        site.write_text(site.read_text() + extra)
        try:
            print(open_site(site), file=said)
        except TrafficAiError as error:
            traceback.print_exception(error, limit=0, file=said)
    assert shows(said.getvalue(), secret) == []


@pytest.mark.parametrize("name", [name for name in ODD if name != "another scheme"])
def test_records_packages_and_exports_of_a_camera_with_a_password_do_not_hold_it(
    call, tmp_path, name
):
    """A recording of the camera is analysed with the site file that holds its address."""
    secret, form = ODD[name]
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": form.format(host="cam:554")})
    run = tmp_path / "run"
    video = write_blocks(tmp_path / "wrong.mp4")
    said = call("process", video, "-s", site, "-o", run)
    assert said.code == 0
    told = [said]
    told += [call("export", run, "--format", form) for form in ("csv", "jsonl")]
    record = min(packages_of(run))
    told.append(call("explain", record, run, "-o", tmp_path / "page.html"))
    told += [call(*command) for command in (("verify", run), ("replay", run), ("status", run))]
    assert shows("".join(t.out + t.err for t in told), secret) == []
    held = [
        path.name
        for path in [*run.rglob("*"), tmp_path / "page.html"]
        if path.is_file() and shows(path.read_bytes().decode("latin-1"), secret)
    ]
    assert held == []
    assert len(packages_of(run)) == 2
