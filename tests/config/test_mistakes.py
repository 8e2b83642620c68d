"""Every mistake is told with its line, key, value and remedy; all of them at once.

The texts stand in messages.txt. After a deliberate change of one, write them again with
`python -m tests.config.test_mistakes` and read the difference.
"""

import tempfile
from pathlib import Path

import pytest

from tests.config.cases import CASES
from tests.config.files import GOOD, SECTIONS, bent, write
from traffic_ai.config import Problem, Severity, SiteFileError, load_site
from traffic_ai.core.errors import ConfigError

MESSAGES = Path(__file__).with_name("messages.txt")
ENVIRONMENT = {"CAM_USER": "operator", "CAM_PASSWORD": "hunter2", "HOOK_SECRET": "k" * 32}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def told(folder: Path, text: str) -> tuple[Problem, ...]:
    """Everything that is said of a site file."""
    try:
        return load_site(write(folder, text)).warnings
    except SiteFileError as error:
        return error.problems


def as_text(name: str, problems: tuple[Problem, ...], folder: Path) -> str:
    lines = [f"  line {p.line}: {p.severity}: {p.text}" for p in problems]
    return "\n".join([f"# {name}", *lines]).replace(str(folder), "FOLDER")


def recorded() -> dict[str, str]:
    blocks = MESSAGES.read_text(encoding="utf-8").strip().split("\n\n")
    return {block.split("\n", 1)[0].removeprefix("# "): block for block in blocks}


@pytest.mark.parametrize("name", CASES)
def test_mistake_is_told_with_line_key_and_remedy(name: str, tmp_path: Path) -> None:
    assert as_text(name, told(tmp_path, CASES[name]), tmp_path.resolve()) == recorded()[name]


def test_no_message_is_recorded_for_a_case_that_is_gone() -> None:
    assert list(recorded()) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_each_problem_names_a_line_of_the_file_and_a_remedy(name: str, tmp_path: Path) -> None:
    problems = told(tmp_path, CASES[name])
    assert problems
    for problem in problems:
        assert 1 <= problem.line <= CASES[name].count("\n") + 1
        assert problem.hint


def test_right_files_have_no_problem(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD) == ()
    assert told(tmp_path, SECTIONS) == ()


def test_error_text_gives_one_problem_a_line_with_file_and_line(tmp_path: Path) -> None:
    text = bent(GOOD, ("signal_group: main", "signal_group: mian"), ("wrong_way:", "wrongway:"))
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    first, second = str(caught.value).split("\n")
    assert first.startswith(f"{path}:39: error: cameras[0].stop_lines[0].signal_group: ")
    assert second.startswith(f"{path}:45: error: cameras[0].rules.wrongway: ")


def test_warnings_are_told_with_errors_but_do_not_stop_alone(tmp_path: Path) -> None:
    warned = bent(GOOD, ("${CAM_USER}:${CAM_PASSWORD}", "admin:hunter2"))
    assert [p.severity for p in told(tmp_path, warned)] == [Severity.WARNING]
    both = bent(warned, ("signal_group: main", "signal_group: mian"))
    assert [p.severity for p in told(tmp_path, both)] == [Severity.WARNING, Severity.ERROR]


def test_mistake_in_one_lane_does_not_hide_geometry_of_the_next(tmp_path: Path) -> None:
    text = bent(
        GOOD,
        ("        polygon: [[0.25, 0.90], [0.50, 0.90], [0.50, 0.50], [0.42, 0.50]]\n", ""),
        ("direction: [[0.62, 0.88], [0.54, 0.52]]", "direction: [[0.10, 0.88], [0.10, 0.52]]"),
    )
    assert [p.path for p in told(tmp_path, text)] == [
        "cameras[0].lanes[0].polygon",
        "cameras[0].lanes[1].direction",
    ]


def test_what_cannot_be_read_is_not_also_called_missing(tmp_path: Path) -> None:
    text = bent(GOOD, ("signal_group: main", "signal_group: 5"))
    assert [p.path for p in told(tmp_path, text)] == ["cameras[0].stop_lines[0].signal_group"]


def test_missing_environment_variable_is_a_warning_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAM_PASSWORD")
    (problem,) = told(tmp_path, GOOD)
    assert problem.severity is Severity.WARNING
    assert "CAM_PASSWORD" in problem.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("source: rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "souce: {s}"),
        ("source: rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "source: [{s}]"),
        ("source: rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "source: {{url: {s}}}"),
        ("source: rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "source: a: {s}"),
        ("name: Simulated junction", "name: [{s}]"),
        ("id: demo-junction", "id: {s}"),
        ("    lanes:\n", "    lanes:\n      - {s}\n"),
        ("time_zone: Europe/Berlin", "time_zone: {s}"),
        ("speed_limit_kmh: 50", "speed_limit_kmh: {s}"),
        ("wrong_way: {}", "wrong_way: {s}"),
        ("lanes: [north-1, north-2]", "lanes: [{s}]"),
    ],
)
@pytest.mark.parametrize(
    "secret", ["rtsp://admin:s3same@10.0.0.8/h264", "admin:s3same@10.0.0.8/h264"]
)
def test_password_never_stands_in_a_message(
    old: str, new: str, secret: str, tmp_path: Path
) -> None:
    path = write(tmp_path, bent(GOOD, (old, new.format(s=secret))))
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    assert "s3same" not in str(caught.value)
    assert "s3same" not in repr(caught.value.problems)


if __name__ == "__main__":
    import os

    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        texts = [as_text(case, told(folder, text), folder) for case, text in CASES.items()]
    MESSAGES.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
