from collections.abc import Sequence

import numpy as np
import pytest

from tests.signals.drawing import DAY, DIM, LIGHT, NIGHT, VIEWS, View, draw
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Image
from traffic_ai.core.scene import HeadLayout, SignalHead
from traffic_ai.core.signal import Aspect
from traffic_ai.signals.lamps import HeadReader
from traffic_ai.signals.placement import place
from traffic_ai.signals.reading import Reading, fuse

BOX = (40, 30, 56, 74)
LIT = [Aspect.RED, Aspect.YELLOW, Aspect.GREEN, Aspect.RED_YELLOW]


def reader(box: Sequence[float] = BOX, image: Image | None = None, **more: object) -> HeadReader:
    head = SignalHead(np.array(box, float), **more)  # type: ignore[arg-type]
    height, width = (112, 96) if image is None else image.shape[:2]
    return HeadReader(place(head, width, height, "g"))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("aspect", [*LIT, Aspect.DARK])
def test_a_head_is_read_in_any_light(name: str, aspect: Aspect) -> None:
    read = [reader().read(draw(aspect, VIEWS[name], seed=s), 0.0).aspect for s in range(6)]
    assert read.count(aspect) >= 4
    assert set(read) <= {aspect, Aspect.UNKNOWN}


@pytest.mark.parametrize("view", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("aspect", LIT[:3])
@pytest.mark.parametrize("head", [(5, 13), (7, 20), (12, 30), (40, 110)])
def test_a_head_is_read_at_any_size(head: tuple[int, int], aspect: Aspect, view: View) -> None:
    picture = draw(aspect, view, head, (20, 14), (96, 144))
    box = (20, 14, 20 + head[0], 14 + head[1])
    assert reader(box, picture).read(picture, 0.0).aspect is aspect


@pytest.mark.parametrize("aspect", LIT[:3])
def test_a_box_some_pixels_off_or_too_large_does_not_matter(aspect: Aspect) -> None:
    picture = draw(aspect)
    for dx, dy, grow in [(3, 0, 0), (-3, 2, 0), (0, -5, 0), (0, 5, 0), (0, 0, 5), (2, 3, 3)]:
        box = (40 + dx - grow, 30 + dy - grow, 56 + dx + grow, 74 + dy + grow)
        assert reader(box).read(picture, 0.0).aspect is aspect, (dx, dy, grow)


def test_horizontal_and_swapped_heads_are_read() -> None:
    for aspect in LIT:
        upright = draw(aspect, size_px=(112, 112), at_px=(40, 30))
        left_to_right = np.ascontiguousarray(upright.swapaxes(0, 1))
        side = (30, 40, 74, 56)
        horizontal = reader(side, left_to_right, layout=HeadLayout.HORIZONTAL)
        assert horizontal.read(left_to_right, 0.0).aspect is aspect
        mirrored = np.ascontiguousarray(left_to_right[:, ::-1])
        box = (112 - 74, 40, 112 - 30, 56)
        swapped = reader(box, mirrored, layout=HeadLayout.HORIZONTAL, swapped=True)
        assert swapped.read(mirrored, 0.0).aspect is aspect


def test_lamps_may_be_given_one_by_one_and_not_all_of_them() -> None:
    red, yellow = np.array([41, 31, 55, 44.0]), np.array([41, 45, 55, 59.0])
    head = SignalHead(None, lamps_px={Aspect.RED: red, Aspect.YELLOW: yellow})
    for aspect in (Aspect.RED, Aspect.YELLOW, Aspect.RED_YELLOW):
        assert HeadReader(place(head, 96, 112, "g")).read(draw(aspect), 0.0).aspect is aspect
    assert HeadReader(place(head, 96, 112, "g")).read(draw(Aspect.GREEN), 0.0).aspect not in LIT


def test_a_light_rather_amber_than_red_at_the_only_lamp_that_is_given_is_not_red(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = SignalHead(None, lamps_px={Aspect.RED: np.array([41, 31, 55, 44.0])})
    assert HeadReader(place(head, 96, 112, "g")).read(draw(Aspect.RED), 0.0).aspect is Aspect.RED
    monkeypatch.setitem(LIGHT, Aspect.RED, (30, 66, 255))
    amber = draw(Aspect.RED)
    assert HeadReader(place(head, 96, 112, "g")).read(amber, 0.0).aspect is not Aspect.RED


def test_a_picture_that_stands_still_is_read_as_if_it_were_new() -> None:
    pictures = [draw(Aspect.RED, seed=1), draw(Aspect.GREEN, seed=2), draw(Aspect.RED, seed=1)]
    still, one = reader(), reader()
    x0, y0, x1, y1 = one.window_px
    for number, picture in enumerate(p for p in pictures for _ in range(4)):
        one._sight = None  # nothing of the last picture is known
        t_s = number / 25
        window = picture[y0:y1, x0:x1]
        assert still.read_window(window, t_s) == one.read_window(window.copy(), t_s)


def test_a_window_that_is_written_to_later_is_not_taken_for_the_next() -> None:
    head = reader()
    x0, y0, x1, y1 = head.window_px
    window = draw(Aspect.RED)[y0:y1, x0:x1].copy()
    assert head.read_window(window, 0.0).aspect is Aspect.RED
    window[:] = draw(Aspect.GREEN)[y0:y1, x0:x1]
    assert head.read_window(window, 0.04).aspect is Aspect.GREEN


def test_a_wrong_colour_in_a_place_is_not_believed() -> None:
    upside_down = np.ascontiguousarray(draw(Aspect.RED)[::-1])
    box = (40, 112 - 74, 56, 112 - 30)
    assert reader(box).read(upside_down, 0.0).aspect is Aspect.UNKNOWN


def test_two_lamps_that_never_go_together_are_unknown() -> None:
    both = np.maximum(draw(Aspect.RED), draw(Aspect.GREEN))
    assert reader().read(both, 0.0).aspect is Aspect.UNKNOWN


def test_an_over_exposed_picture_is_unknown() -> None:
    assert reader().read(np.full((112, 96, 3), 255, np.uint8), 0.0).aspect is Aspect.UNKNOWN


def glowing(light: tuple[int, int, int], row: int, core_px: float = 4.0) -> Image:
    """A white core at a row of a head by night, in a halo that fills the head."""
    y, x = np.mgrid[:112, :96]
    away = np.hypot(y - row, x - 48)
    halo = np.array(light) * np.exp(-((away / 26.0) ** 2))[..., None]
    glow = 255.0 * np.clip((core_px + 1.5 - away) / 1.5, 0.0, 1.0)[..., None]
    return np.clip(halo + glow, 0.0, 255.0).astype(np.uint8)


@pytest.mark.parametrize(
    ("light", "row", "aspect"),
    [
        ((60, 50, 255), 37, Aspect.RED),
        ((190, 255, 40), 67, Aspect.GREEN),
        ((60, 50, 255), 67, Aspect.UNKNOWN),  # a tail lamp where the green one hangs
        ((60, 70, 130), 37, Aspect.UNKNOWN),  # a head lamp before bricks
    ],
)
def test_a_lamp_whose_halo_fills_the_head_is_told_by_the_rim_of_its_core(
    light: tuple[int, int, int], row: int, aspect: Aspect
) -> None:
    assert reader().read(glowing(light, row), 0.0).aspect is aspect


def test_a_camera_that_shakes_by_two_pixels_reads_the_same() -> None:
    head, rng = reader(), np.random.default_rng(3)
    for i in range(40):
        at = (40 + rng.uniform(-2, 2), 30 + rng.uniform(-2, 2))
        assert head.read(draw(Aspect.RED, at_px=at, seed=i), i / 25).aspect is Aspect.RED


def test_a_covered_head_is_unknown_although_the_lorry_has_a_red_lamp() -> None:
    head = reader()
    for i in range(50):
        assert head.read(draw(Aspect.RED, seed=i), i / 25).aspect is Aspect.RED
    covered = draw(Aspect.RED)
    covered[20:90, 30:70] = (120, 110, 150)
    covered[34:44, 44:54] = (40, 30, 240)
    assert head.read(covered, 2.0).aspect is Aspect.UNKNOWN
    assert head.read(draw(Aspect.RED), 2.04).aspect is Aspect.RED


def test_leaves_behind_a_head_are_not_green_once_they_are_known() -> None:
    leaves = View(around=(40, 120, 60))
    head = reader((34, 30, 62, 74))
    for i in range(60):
        head.read(draw(Aspect.RED, leaves, seed=i), i * 0.5)
    assert head.read(draw(Aspect.DARK, leaves), 31.0).aspect is Aspect.DARK


def test_a_red_that_stays_on_for_ten_minutes_stays_red_and_green_is_seen_after_it() -> None:
    head, pictures = reader(), [draw(Aspect.RED, DIM, seed=s) for s in range(8)]
    read = {head.read(pictures[i % 8], i * 1.5).aspect for i in range(400)}
    assert read == {Aspect.RED}
    assert head.read(draw(Aspect.GREEN, DIM), 600.5).aspect is Aspect.GREEN
    assert head.read(draw(Aspect.DARK, DIM), 601.0).aspect is Aspect.DARK


def test_a_change_is_read_in_its_first_picture() -> None:
    head = reader()
    steps = [Aspect.GREEN] * 50 + [Aspect.YELLOW] * 50 + [Aspect.RED] * 50 + [Aspect.RED_YELLOW] * 9
    for i, aspect in enumerate([*steps, Aspect.GREEN]):
        assert head.read(draw(aspect, seed=i % 11), i / 10).aspect is aspect, i


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (SignalHead(np.array([90, 30, 99, 74.0])), r"'main'.*partly outside the picture of 96x112"),
        (SignalHead(np.array([-2, 30, 20, 74.0])), r"'main'.*partly outside"),
        (SignalHead(np.array([40, 30, 43, 37.0])), r"'main'.*3x7 pixels, too small"),
        (SignalHead(None), r"'main'.*head_px or lamps_px"),
        (SignalHead(None, lamps_px={Aspect.RED: np.array([1, 1, 3, 9.0])}), r"'main'.*red lamp"),
        (SignalHead(None, lamps_px={Aspect.DARK: np.array([1, 1, 9, 9.0])}), r"'main'.*'dark'"),
    ],
)
def test_a_head_that_cannot_be_read_is_refused(head: SignalHead, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        place(head, 96, 112, "main")


def test_heads_that_agree_strengthen_each_other() -> None:
    one = Reading(Aspect.RED, 0.6)
    assert fuse([one, one]) == Reading(Aspect.RED, pytest.approx(0.84))


@pytest.mark.parametrize(
    ("aspects", "expected"),
    [
        ([("red", 0.9), ("green", 0.9)], Aspect.UNKNOWN),
        ([("red", 0.5), ("yellow", 0.3)], Aspect.UNKNOWN),
        ([("yellow", 0.9), ("green", 0.2)], Aspect.YELLOW),
        ([("red", 0.6), ("dark", 0.6), ("unknown", 0.0)], Aspect.RED),
        ([("dark", 0.6), ("unknown", 0.0)], Aspect.DARK),
        ([("unknown", 0.0)], Aspect.UNKNOWN),
    ],
)
def test_heads_of_a_group_are_put_together(
    aspects: list[tuple[str, float]], expected: Aspect
) -> None:
    assert fuse([Reading(Aspect(a), c) for a, c in aspects]).aspect is expected
