"""The export command: from a run folder to a file or standard output."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.mounts import ROOT, needs_mounts, run_with_small_disk
from tests.records import KEY, violation
from traffic_ai.cli.export import export
from traffic_ai.core.errors import TrafficAiError, UsageError
from traffic_ai.core.violation import ViolationKind
from traffic_ai.stores.database import ViolationStore


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with ViolationStore.open(folder / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(
            KEY,
            [
                violation(t_s=10.0),
                violation(ViolationKind.RED_LIGHT, t_s=20.0, camera_id="ngã tư"),
                violation(ViolationKind.WRONG_WAY, t_s=30.0, occurred_at=None),
            ],
        )
    return folder


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(export)

    def call(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


def kinds(text):
    return [row["kind"] for row in csv.DictReader(io.StringIO(text, newline=""))]


def test_everything_goes_to_standard_output_by_default(command, run_folder):
    result = command(run_folder)
    assert result.exit_code == 0
    assert kinds(result.stdout_bytes.decode()) == ["speeding", "red_light", "wrong_way"]
    assert b"\r\n" in result.stdout_bytes
    assert b"\r\r\n" not in result.stdout_bytes


def test_json_lines_go_to_a_file(command, run_folder, tmp_path):
    output = tmp_path / "all.jsonl"
    assert command(run_folder, "--format", "jsonl", "--output", output).exit_code == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["camera_id"] for line in lines] == ["gate", "ngã tư", "gate"]


def test_filters_narrow_the_table(command, run_folder):
    def found(*options):
        return kinds(command(run_folder, *options).stdout)

    assert found("--kind", "red_light", "--kind", "wrong_way") == ["red_light", "wrong_way"]
    assert found("--camera", "ngã tư") == ["red_light"]
    assert found("--since", "2026-05-01T03:00:20Z") == ["red_light"]
    assert found("--until", "2026-05-01T10:00:20+07:00") == ["speeding"]
    assert found("--since", "2030-01-01T00:00Z") == []


def test_what_has_no_time_and_so_is_in_no_range_is_told(command, run_folder):
    result = command(run_folder, "--since", "2026-01-01T00:00Z")
    assert "1 violations have no wall-clock time" in result.stderr
    assert "wall-clock" not in command(run_folder).stderr


def test_excel_form_has_the_mark_and_the_zone(command, run_folder, tmp_path):
    output = tmp_path / "all.csv"
    command(run_folder, "--bom", "--time-zone", "Asia/Bangkok", "-o", output)
    assert output.read_bytes().startswith(b"\xef\xbb\xbfid,")
    assert "2026-05-01T10:00:10.000+07:00" in output.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": "2026-05-01T08:00"}, r"2026-05-01T08:00:00Z for UTC, or .*\+07:00"),
        ({"until": "2026-05-01"}, "2026-05-01T00:00:00Z for UTC"),
        ({"since": "2026-05-01T08:00:30"}, "2026-05-01T08:00:30Z for UTC"),
        ({"since": "0001-01-01T00:00+07:00"}, r"0001-01-01T00:00\+07:00' lies at the end of"),
        ({"until": "yesterday"}, "'yesterday' is not a time"),
        ({"time_zone": "Mars/Base"}, "'Mars/Base' is not a known time zone"),
        ({"time_zone": "../../etc/passwd"}, "is not a known time zone"),
        ({"time_zone": ""}, "is not a known time zone"),
        ({"output": Path("nowhere/x.csv")}, "there is no folder"),
        ({"output": Path()}, "is a folder; name a file in it"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_the_fix(run_folder, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        export(run_folder, **options)
    assert caught.value.exit_code == 2


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"holds no violations\.sqlite") as caught:
        export(tmp_path)
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole_or_left_as_it_was(run_folder, tmp_path, monkeypatch):
    output = tmp_path / "all.csv"
    output.write_text("from yesterday")

    def fails(self, wanted):
        yield from ()
        raise TrafficAiError("the store broke")

    with monkeypatch.context() as patch:
        patch.setattr(ViolationStore, "violations", fails)
        with pytest.raises(TrafficAiError, match="the store broke"):
            export(run_folder, output=output)
    assert output.read_text() == "from yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.csv", "run"]
    export(run_folder, output=output)
    assert len(kinds(output.read_text(encoding="utf-8"))) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.csv", "run"]


SCRIPT = """
import sys, typer
from pathlib import Path
from traffic_ai.cli.export import export
from traffic_ai.core.errors import TrafficAiError
try:
    export(Path(sys.argv[1]), output=Path(sys.argv[2]))
except TrafficAiError as error:
    sys.exit(f"told: {error}")
"""


@needs_mounts
def test_a_full_disk_is_told_and_leaves_no_file(run_folder, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    listing = f"\nimport os; print(os.listdir({str(small)!r}))"
    script = SCRIPT.replace("sys.exit(", "print(") + listing
    fill = f"open({str(small / 'filler')!r}, 'wb').write(bytes(64 * 1024))\n"
    run = run_with_small_disk(small, 64, fill + script, run_folder, small / "all.csv")
    assert run.returncode == 0, run.stderr
    assert "told: cannot write" in run.stdout
    assert "No space left on device" in run.stdout
    assert run.stdout.splitlines()[-1] == "['filler']"


def test_a_full_standard_output_is_told(run_folder):
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, run_folder, "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert run.returncode == 1
    assert "told: cannot write to standard output: No space left on device" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_reader_that_leaves_early_is_no_error(run_folder):
    with ViolationStore.open(run_folder / "violations.sqlite") as store:
        store.add_findings(KEY, [violation(t_s=100.0 + t) for t in range(2000)])
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, run_folder, "-"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    os.close(writing)
    assert os.read(reading, 10) == b"id,kind,ca"
    os.close(reading)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")


def test_a_device_is_written_not_replaced(run_folder):
    export(run_folder, output=Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
