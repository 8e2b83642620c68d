"""Whatever is done to a site file, it loads or is refused with reasons; and what its hash says."""

import copy
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.files import GOOD, SECTIONS, write
from traffic_ai.config import Site, SiteFileError, load_site

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-2.0, 2.0),
    st.sampled_from([float("nan"), float("inf"), -0.0, 1e308, 5e-324, 10**30]),
    st.text(max_size=8),
    st.sampled_from(["main", "north-1", "north-2", "car", "pixels", "../x", "rtsp://u:p@h/"]),
    st.lists(st.floats(-0.5, 1.5), max_size=4),
    st.lists(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2), max_size=6),
    st.just({}),
    st.just([]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the data, leaves and branches."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in entries:
            found += places(item, (*path, key))
    return found


def outcome(path: Path) -> Site | SiteFileError:
    """What reading a file ends in; anything but these two is a failure of the test."""
    try:
        return load_site(path)
    except SiteFileError as error:
        return error


def holder(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def mutate(data: Any, draw: st.DataObject) -> None:
    path = draw.draw(st.sampled_from(places(data)))
    owner, key = holder(data, path), path[-1]
    match draw.draw(st.sampled_from(["replace", "remove", "double", "nudge", "graft"])):
        case "replace":
            owner[key] = draw.draw(ODD_VALUES)
        case "remove":
            del owner[key]
        case "double":
            if isinstance(owner, list):
                owner.insert(key, copy.deepcopy(owner[key]))
            else:
                owner[draw.draw(st.text(max_size=5))] = copy.deepcopy(owner[key])
        case "nudge":
            if isinstance(owner[key], float):
                owner[key] *= draw.draw(st.floats(-2.0, 2.0))
        case "graft":
            other = draw.draw(st.sampled_from(places(data)))
            owner[key] = copy.deepcopy(holder(data, other)[other[-1]])


@QUICK
@given(st.data())
@pytest.mark.parametrize("text", [GOOD, SECTIONS], ids=["junction", "sections"])
def test_bent_file_loads_or_is_refused_with_reasons(
    text: str, tmp_path: Path, data: st.DataObject
) -> None:
    content = yaml.safe_load(text)
    for _ in range(data.draw(st.integers(1, 4))):
        if isinstance(content, dict | list) and places(content):
            mutate(content, data)
    path = write(tmp_path, yaml.safe_dump(content, allow_unicode=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = outcome(path)
        if isinstance(found, SiteFileError):
            assert found.problems
            assert all(problem.line >= 1 and problem.message for problem in found.problems)
            return
        for camera in found.cameras:
            camera.scene(*(camera.reference_size_px or (1280, 720)))


@QUICK
@given(st.data())
def test_file_with_bytes_changed_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["set", "cut", "add"])):
            case "set":
                raw[at] = data.draw(st.integers(0, 255))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 40))]
            case "add":
                raw[at:at] = data.draw(st.binary(max_size=6))
        if not raw:
            break
    path = tmp_path / "site.yaml"
    path.write_bytes(bytes(raw))
    found = outcome(path)
    assert isinstance(found, Site) or found.problems


def shuffled(value: Any, order: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return value


def config_hash(path: Path) -> str:
    return load_site(path).cameras[0].config_hash


@settings(QUICK, max_examples=15)
@given(st.randoms(use_true_random=False), st.booleans())
def test_hash_does_not_know_order_comments_or_style(
    tmp_path: Path, order: random.Random, flow: bool
) -> None:
    expected = config_hash(write(tmp_path, GOOD))
    text = yaml.safe_dump(
        shuffled(yaml.safe_load(GOOD), order), sort_keys=False, default_flow_style=flow
    )
    comment = "# drawn on a rainy day\n"
    assert config_hash(write(tmp_path, comment + text + comment)) == expected


def numbers() -> list[tuple[Any, ...]]:
    """Every number of the good file but its version."""
    data = yaml.safe_load(GOOD)
    return [
        path for path in places(data)[1:] if isinstance(holder(data, path)[path[-1]], int | float)
    ]


def changed(path: tuple[Any, ...], value: Any) -> str:
    data = yaml.safe_load(GOOD)
    holder(data, path)[path[-1]] = value
    return yaml.safe_dump(data)


@pytest.mark.parametrize("path", numbers(), ids=lambda path: ".".join(map(str, path)))
def test_hash_changes_with_every_number(path: tuple[Any, ...], tmp_path: Path) -> None:
    number = holder(yaml.safe_load(GOOD), path)[path[-1]]
    other = write(tmp_path, changed(path, number * 0.999 + 0.00017))
    changed_hash = config_hash(other)
    assert changed_hash != config_hash(write(tmp_path, GOOD))


CAMERA = ("cameras", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CAMERA, "id"), "other"),
        ((*CAMERA, "time_zone"), "Asia/Ho_Chi_Minh"),
        ((*CAMERA, "start_time"), "2026-03-02T08:00:01+01:00"),
        ((*CAMERA, "signal_groups", 0, "lamps", 0, "swapped"), True),
        ((*CAMERA, "lanes", 0, "classes"), ["car"]),
        ((*CAMERA, "stop_lines", 0, "signal_group"), "side"),
        ((*CAMERA, "rules", "stop_over_line"), {"min_standing_s": 5}),
        ((*CAMERA, "rules"), {"wrong_way": None}),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, tuple) else "",
)
def test_hash_changes_with_what_decides(path: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    other = config_hash(write(tmp_path, changed(path, value)))
    assert other != config_hash(write(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CAMERA, "source"), "elsewhere.mp4"),
        ((*CAMERA, "lanes", 0, "classes"), ["truck", "car"]),
        ((*CAMERA, "lanes", 0, "speed_limit_kmh"), 50.0),
        ((*CAMERA, "signal_groups", 0, "lamps", 0, "layout"), "vertical"),
        ((*CAMERA, "rules", "wrong_way"), {"min_distance_m": 8.0}),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, tuple) else "",
)
def test_hash_does_not_change_with_source_or_spelled_out_defaults(
    path: tuple[Any, ...], value: Any, tmp_path: Path
) -> None:
    other = config_hash(write(tmp_path, changed(path, value)))
    assert other == config_hash(write(tmp_path, GOOD))
