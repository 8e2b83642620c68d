"""The commands as such: help, versions, wrong calls, how they end, what they import."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.blocks import ROOT, write_site
from traffic_ai import __version__
from traffic_ai.cli.main import main
from traffic_ai.detectors.models import weights

OPTIONS = {
    ("demo",): ["--out"],
    ("process",): [
        "--site",
        "--out",
        "--camera",
        "--start-time",
        "--weights",
        "--size",
        "--evidence",
        "--no-evidence",
        "--keep-tracks",
        "--keys",
        "--json",
        "130",
    ],
    ("watch",): [
        "--site",
        "--out",
        "--camera",
        "--duration",
        "--weights",
        "--batch",
        "--keys",
        "--json",
    ],
    ("export",): ["--format", "--kind", "--camera", "--since", "--until", "--output", "--bom"],
    ("validate",): ["--json"],
    ("preview",): ["--out", "--camera", "--source", "--at", "--grid"],
    ("verify",): ["--public-key", "--head", "--keys", "--json"],
    ("keys",): ["init", "list", "rotate", "export-public"],
    ("seal", "head"): ["--camera", "--keys", "--output"],
    ("simulate",): ["--out", "--seed", "--jobs", "--video", "--no-video", "--fast", "--list"],
    ("evaluate",): ["--truth", "--site", "--camera", "--video", "--tolerance", "--json", "--html"],
    ("models",): ["list", "pull", "path", "verify"],
    ("models", "pull"): ["name"],
    ("doctor",): ["--json", "--weights"],
}


def test_help_names_every_command(call):
    called = call("--help")
    assert called.code == 0
    for command in OPTIONS:
        assert command[0] in called.out


@pytest.mark.parametrize("command", OPTIONS, ids=" ".join)
def test_a_commands_help_names_its_options(call, command):
    called = call(*command, "--help")
    assert (called.code, called.err) == (0, "")
    for option in OPTIONS[command]:
        assert option in called.out
    assert call(*command, "-h").out == called.out


def test_the_version_is_told(call):
    assert call("--version").out == f"traffic-ai {__version__}\n"


def test_the_help_comes_without_loading_what_is_heavy():
    heavy = ("cv2", "av", "onnx", "onnxruntime", "sqlalchemy", "alembic", "pydantic", "scipy")
    code = f"import sys, traffic_ai.cli.main; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["process"], ["videos"]),
        (["process", "{video}"], ["--site"]),
        (["process", "{video}", "--site", "{dir}/no.yaml"], ["no.yaml", "no such file"]),
        (["process", "{video}", "--site", "{dir}"], ["{dir}", "folder"]),
        (["process", "{video}", "--site", "{bad}"], ["bad.yaml:4", "lanez", "lanes"]),
        (["process", "{dir}/no.mp4", "--site", "{site}"], ["no.mp4", "no file or folder"]),
        (["process", "{dir}/*.webm", "--site", "{site}"], ["*.webm", "nothing matches"]),
        (["process", "{empty}", "--site", "{site}"], ["{empty}", "no video files"]),
        (["process", "~nosuch/v.mp4", "-s", "{site}"], ["'~nosuch/v.mp4'", "./~nosuch/v.mp4"]),
        (["process", "{video}", "-s", "{site}", "--camera", "x"], ["'x'", "it has gate"]),
        (["process", "{video}", "-s", "{two}"], ["wrong.mp4", "--camera (a, b)"]),
        (["process", "{video}", "-s", "{site}", "--size", "100"], ["--size 100", "640"]),
        (["process", "{video}", "-s", "{site}", "--size", "big"], ["--size"]),
        (["process", "{video}", "-s", "{site}", "--workers", "0"], ["--workers", "1"]),
        (
            ["process", "{video}", "-s", "{site}", "--start-time", "noon"],
            ["'noon'", "2026-01-31T08:00:00+07:00"],
        ),
        (
            ["process", "{video}", "-s", "{site}", "--start-time", "2026-01-31"],
            ["'2026-01-31'", "2026-01-31T00:00:00Z"],
        ),
        (
            ["process", "{video}", "-s", "{site}", "--start-time", "0001-01-01T00:00:00+07:00"],
            ["'0001-01-01T00:00:00+07:00'", "another year"],
        ),
        (
            ["process", "{dir}", "-s", "{site}", "--start-time", "2026-01-31T00:00:00Z"],
            ["2 were given", "start_time_pattern"],
        ),
        (["process", "{video}", "-s", "{site}", "--nonsense"], ["--nonsense"]),
        (["watch", "--site", "{site}"], ["site.yaml", "rtsp://"]),
        (["watch", "--site", "{site}", "--duration", "-3"], ["--duration"]),
        (["watch", "--site", "{site}", "--batch", "3"], ["--batch 3", "1, 2, 4, 8"]),
        (["watch", "--site", "{site}", "--camera", "x"], ["'x'", "it has gate"]),
        (["export", "{empty}"], ["{empty}", "violations.sqlite"]),
        (["explain", "--each", "{empty}"], ["--each", "--near-misses"]),
        (["validate", "{bad}"], ["lanez"]),
        (["preview", "{site}", "--out", "{dir}/p.txt"], ["p.txt", ".png"]),
        (["models", "path", "yolov99"], ["'yolov99'", "yolov8n"]),
        (["nonsense"], ["nonsense"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].isalpha() else None,
)
def test_a_wrong_call_ends_with_2_the_value_and_the_fix(
    call, tmp_path, monkeypatch, video, arguments, said
):
    monkeypatch.chdir(tmp_path)
    places = {"dir": tmp_path, "empty": tmp_path / "empty", "bad": tmp_path / "bad.yaml"}
    places["empty"].mkdir()
    places["site"] = write_site(tmp_path / "site.yaml")
    places["two"] = write_site(tmp_path / "two.yaml", {"id": "a"}, {"id": "b"})
    places["bad"].write_text(places["site"].read_text().replace("lanes:", "lanez:"))
    places["video"] = tmp_path / "wrong.mp4"
    for path in (places["video"], tmp_path / "second.mp4"):
        path.write_bytes(video.read_bytes())
    called = call(*(argument.format(**places) for argument in arguments))
    assert called.code == 2, called
    told = called.out + called.err
    for words in said:
        assert words.format(**places) in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["process", "{video}", "--site", "{site}", "--size", "100"],
        ["models", "path", "yolov99"],
        ["export", "{dir}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_error_is_one_line_on_standard_error(call, tmp_path, video, site_path, arguments):
    places = {"video": video, "site": site_path, "dir": tmp_path}
    called = call(*(argument.format(**places) for argument in arguments))
    assert called.out == ""
    assert called.err.startswith("error: ")
    assert called.err.count("\n") == 1


def test_validate_preview_and_export_are_reached(call, tmp_path, site_path, video):
    assert "gate" in call("validate", site_path).out
    assert json.loads(call("validate", site_path, "--json").out)["valid"] is True
    picture = tmp_path / "p.png"
    called = call("preview", site_path, "--source", video, "--out", picture)
    assert (called.code, picture.is_file()) == (0, True)
    out = tmp_path / "out"
    assert call("process", video, "--site", site_path, "--out", out).code == 0
    table = call("export", out)
    assert table.code == 0
    assert len(table.out.splitlines()) == 3  # a head and two violations
    lines = call("export", out, "--format", "jsonl").out.splitlines()
    assert {json.loads(line)["kind"] for line in lines} == {"wrong_way"}


def test_doctor_names_the_fix_where_weights_are_absent(call, tmp_path, monkeypatch):
    monkeypatch.setenv("TRAFFIC_AI_MODELS", str(tmp_path / "none"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(ROOT / "models" / "registry.toml", checkout)
    monkeypatch.setattr("traffic_ai.detectors.models._CHECKOUT", checkout)
    # Without weights nothing is loaded, so the fake detector of `call` is not reached.
    called = call("doctor")
    assert called.code == 1
    assert "FAIL weights: yolov8n is absent; `traffic-ai models pull yolov8n`" in called.out
    rows = json.loads(call("doctor", "--json").out)
    assert {row["name"]: row["ok"] for row in rows}["weights"] is False
    assert {row["name"]: row["ok"] for row in rows}["store"] is True
    extras = {row["name"] for row in rows if row["name"].startswith("extra ")}
    assert extras == {"extra ultralytics", "extra openvino", "extra mqtt", "extra evaluate"}
    assert not (tmp_path / "none").exists(), "doctor fetches nothing"


def test_doctor_says_what_cannot_be_loaded(call, tmp_path, monkeypatch):
    """As where a library of the system is missing."""

    def broken(name):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("traffic_ai.diagnosis._detector", broken)
    called = call("doctor")
    assert called.code == 1
    assert "FAIL detector: libGL.so.1" in called.out


@pytest.mark.detector
def test_doctor_finds_nothing_wrong_here(monkeypatch, capsys):
    weights("yolov8n")
    monkeypatch.setattr(sys, "argv", ["traffic-ai", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "FAIL" not in printed
    assert "ok   detector: works" in printed
