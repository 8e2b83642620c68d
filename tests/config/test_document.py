"""What is not a harmless text file of reasonable size is refused, with the reason."""

import os
import time
from pathlib import Path

import pytest

from tests.config.files import GOOD, bent, write
from traffic_ai.config import SiteFileError, load_site


def refused(path: Path) -> str:
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    assert all(problem.hint for problem in caught.value.problems)
    return str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "nowhere.yaml")


def test_folder_is_refused(tmp_path: Path) -> None:
    assert "this is a folder" in refused(tmp_path)


def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only a comment\n", b"---\n"])
def test_empty_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(content)
    message = refused(path)
    assert "empty" in message or "got nothing" in message


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(bytes(range(256)) * 40)
    assert "binary" in refused(path)


def test_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(GOOD.replace("Simulated junction", "Stra\u00dfe").encode("latin-1"))
    message = refused(path)
    assert f"{path}:4:" in message
    assert "UTF-8" in message
    path.write_bytes(GOOD.encode("utf-16"))
    assert "UTF-8" in refused(path)


def test_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_site(path).cameras[0].id == "demo-junction"


def test_file_above_a_megabyte_is_refused(tmp_path: Path) -> None:
    assert "larger than 1 MB" in refused(write(tmp_path, GOOD + "# padding\n" * 100_000))


def test_aliases_that_multiply_are_refused_at_once(tmp_path: Path) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    began = time.process_time()
    assert "expands to more than" in refused(write(tmp_path, text))
    assert time.process_time() - began < 5.0


def test_merge_keys_that_multiply_are_refused(tmp_path: Path) -> None:
    text = "a0: &a0 {k: 1}\n"
    for level in range(1, 20):
        text += f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}\n"
    assert "expands to more than" in refused(write(tmp_path, text))


def test_alias_that_contains_itself_is_refused(tmp_path: Path) -> None:
    assert "nested more than" in refused(write(tmp_path, "version: &v [1, *v]\n"))
    assert "nested more than" in refused(write(tmp_path, "a: &v {<<: *v}\n"))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert "nested more than" in refused(write(tmp_path, "[" * 5000))
    assert "nested more than" in refused(write(tmp_path, "a: " + "{b: " * 500 + "1" + "}" * 500))


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!binary aGVsbG8=",
        "!custom x",
        "!!set {a, b}",
        "!!int zzz",
        "!!float abc",
        "!!bool perhaps",
        "9" * 5000,
        "0x" + "f" * 200,
        '"\\ud800"',
    ],
)
def test_tags_and_unusable_scalars_are_refused(value: str, tmp_path: Path) -> None:
    message = refused(write(tmp_path, bent(GOOD, ("name: Simulated junction", f"name: {value}"))))
    assert ":4: error: cameras[0].name" in message


def test_broken_yaml_is_told_with_its_place_but_not_its_text(tmp_path: Path) -> None:
    text = "version: 1\ncameras:\n  - source: rtsp://u:s3same@host\n   id: [unclosed\n"
    message = refused(write(tmp_path, text))
    assert ":4: error: the file is not YAML" in message
    assert "s3same" not in message


def test_tab_is_told_as_a_tab(tmp_path: Path) -> None:
    assert "tabs" in refused(write(tmp_path, "version: 1\n\tcameras: []\n"))


def test_second_document_is_refused(tmp_path: Path) -> None:
    assert "---" in refused(write(tmp_path, GOOD + "---\n" + GOOD))


def test_key_that_is_not_text_is_refused(tmp_path: Path) -> None:
    assert "a key must be text" in refused(write(tmp_path, GOOD + "1: 2\n"))
    assert "a key must be text" in refused(write(tmp_path, GOOD + "? [a, b]\n: 2\n"))


def test_control_characters_of_a_key_do_not_reach_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in refused(write(tmp_path, GOOD + '"\\e[2J": 1\n'))


def test_alias_and_merge_serve_several_cameras(tmp_path: Path) -> None:
    text = """\
version: 1
cameras:
  - &first
    id: a
    lanes: &lanes
      - {id: l, polygon: [[0.1, 0.9], [0.5, 0.9], [0.3, 0.1]], direction: [[0.3, 0.8], [0.3, 0.3]]}
    rules: {wrong_way: }
  - {id: b, lanes: *lanes, rules: {wrong_way: }}
  - <<: *first
    id: c
"""
    a, b, c = load_site(write(tmp_path, text)).cameras
    assert [camera.id for camera in (a, b, c)] == ["a", "b", "c"]
    assert b.scene(640, 360).lanes[0].id == c.scene(640, 360).lanes[0].id == "l"
