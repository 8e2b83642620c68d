"""Which files a batch takes, and of which camera each is."""

import os

import pytest

from tests.blocks import write_site
from traffic_ai.batch.files import camera_of, find_videos
from traffic_ai.core.errors import ConfigError, UsageError
from traffic_ai.wiring import open_site


@pytest.fixture
def folder(tmp_path):
    """Files by name only; what is in them is not asked here."""
    for name in ("b.mp4", "a.MKV", "notes.txt", "deep/er/c.avi", "deep/d.mp4", "empty/x.txt"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "videos"


def names(paths):
    return [path.name for path in paths]


def test_a_folder_gives_its_videos_at_any_depth_in_order(folder):
    assert names(find_videos([str(folder)])) == ["a.MKV", "b.mp4", "d.mp4", "c.avi"]


def test_a_named_file_is_taken_whatever_its_suffix(folder):
    assert names(find_videos([str(folder / "notes.txt")])) == ["notes.txt"]


def test_a_pattern_gives_the_files_and_the_videos_of_the_folders_it_matches(folder):
    assert names(find_videos([f"{folder}/d*"])) == ["d.mp4", "c.avi"]
    assert names(find_videos([f"{folder}/**/*.mp4"])) == ["b.mp4", "d.mp4"]


def test_a_pattern_may_be_relative(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names(find_videos(["deep/*.mp4", "?.mp4"])) == ["d.mp4", "b.mp4"]


def test_a_file_with_signs_of_a_pattern_in_its_name_is_that_file(folder):
    odd = folder / "cam[1].mp4"
    odd.touch()
    assert find_videos([str(odd)]) == [odd]


def test_what_is_given_twice_is_taken_once_in_the_order_given(folder):
    places = [str(folder / "b.mp4"), str(folder), str(folder / "b.mp4")]
    assert names(find_videos(places)) == ["b.mp4", "a.MKV", "d.mp4", "c.avi"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("empty", "no video files in the folder"),
        ("*.webm", "nothing matches"),
        ("gone.mp4", "there is no file or folder"),
        ("a**b/[", "nothing matches|cannot be used"),
    ],
)
def test_a_place_without_videos_is_named(folder, place, said):
    with pytest.raises(UsageError, match=said) as caught:
        find_videos([str(folder / "b.mp4"), os.path.join(folder, place)])  # noqa: PTH118
    assert place in str(caught.value)


def site_of(tmp_path, *cameras):
    return open_site(write_site(tmp_path / "site.yaml", *cameras))


def test_recordings_go_to_the_first_camera_whose_pattern_takes_them(tmp_path):
    site = site_of(
        tmp_path,
        {"id": "north", "recordings": "n_2026*"},
        {"id": "north-old", "recordings": "n_*"},
        {"id": "rest"},
    )
    of = {name: camera_of(site, tmp_path / name, None).id for name in ("n_2026a.mp4", "n_1.mp4")}
    assert of == {"n_2026a.mp4": "north", "n_1.mp4": "north-old"}
    assert camera_of(site, tmp_path / "x.mp4", None).id == "rest"


def test_the_only_camera_takes_everything(tmp_path):
    assert camera_of(site_of(tmp_path), tmp_path / "any.mp4", None).id == "gate"


@pytest.mark.parametrize(
    "cameras",
    [
        [{"id": "a"}, {"id": "b"}],
        [{"id": "a", "recordings": "a_*"}, {"id": "b", "recordings": "b_*"}],
    ],
)
def test_a_recording_of_no_clear_camera_is_refused_with_the_choice(tmp_path, cameras):
    with pytest.raises(ConfigError, match=r"x\.mp4 .* --camera \(a, b\).*recordings"):
        camera_of(site_of(tmp_path, *cameras), tmp_path / "x.mp4", None)


def test_a_given_camera_takes_everything_and_must_exist(tmp_path):
    site = site_of(tmp_path, {"id": "a", "recordings": "a_*"}, {"id": "b"})
    assert camera_of(site, tmp_path / "a_1.mp4", "b").id == "b"
    with pytest.raises(ConfigError, match="no camera 'c'; it has a, b"):
        camera_of(site, tmp_path / "a_1.mp4", "c")
