from pathlib import Path

import numpy as np
import pytest

from tests.signals.drawing import DAY, draw
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Frame, FrameInfo, Image
from traffic_ai.core.scene import Scene, SignalGroup, SignalHead
from traffic_ai.core.signal import Aspect, SignalHistory
from traffic_ai.signals.reader import SceneSignals

HEAD = SignalHead(np.array([40, 30, 56, 74.0]))
OTHER = SignalHead(np.array([70, 30, 86, 74.0]))


def scene(*groups: SignalGroup) -> Scene:
    return Scene("cam", 96, 112, signal_groups=groups)


def frame(image: Image, t_s: float, degraded: bool = False) -> Frame:
    info = FrameInfo("cam", round(t_s * 25), t_s, None, image.shape[1], image.shape[0], degraded)
    return Frame(info, image)


def aspects(history: SignalHistory) -> list[Aspect]:
    return [state.aspect for state in history.states]


PICTURES = {a: [draw(a, DAY, seed=s) for s in range(3)] for a in Aspect}


def play(
    signals: SceneSignals, steps: list[tuple[Aspect, int]], degraded: int = -1
) -> SignalHistory:
    index = 0
    for aspect, count in steps:
        for _ in range(count):
            seen = frame(PICTURES[aspect][index % 3], index / 25, index == degraded)
            history = signals.read(seen)["main"]
            index += 1
    return history


STEPS = [(Aspect.GREEN, 50), (Aspect.YELLOW, 75), (Aspect.DARK, 4), (Aspect.RED, 75)]


def test_drawn_pictures_give_the_history_of_the_group() -> None:
    history = play(SceneSignals(scene(SignalGroup("main", (HEAD,)))), STEPS)
    assert aspects(history) == [Aspect.GREEN, Aspect.YELLOW, Aspect.RED]
    red = history.states[-1]
    assert red.since_s == pytest.approx(129 / 25)
    assert red.since_bound_s == pytest.approx(5 / 25)


def test_a_degraded_picture_is_not_read() -> None:
    history = play(SceneSignals(scene(SignalGroup("main", (HEAD,)))), STEPS, degraded=129)
    red = history.states[-1]
    assert red.since_s == pytest.approx(130 / 25)
    assert red.since_bound_s == pytest.approx(6 / 25)


def test_a_dark_second_head_does_not_hide_the_first() -> None:
    history = play(SceneSignals(scene(SignalGroup("main", (HEAD, OTHER)))), STEPS)
    assert aspects(history) == [Aspect.GREEN, Aspect.YELLOW, Aspect.RED]


def test_a_picture_of_another_size_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    signals = SceneSignals(scene(SignalGroup("main", (HEAD,))))
    small = np.zeros((56, 48, 3), np.uint8)
    histories = [signals.read(frame(small, i / 25))["main"] for i in range(5)]
    assert aspects(histories[-1]) == [Aspect.UNKNOWN]
    assert [r.getMessage().count("48x56") for r in caplog.records] == [1]


def test_a_group_may_be_read_from_a_log_beside_one_from_lamps(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,group,aspect\n0,K1,red\n0,main,green\n")
    log = tmp_path / "log.csv"
    groups = (
        SignalGroup("main", (HEAD,)),
        SignalGroup("left", feed_csv=log, feed_group="K1"),
    )
    signals = SceneSignals(scene(*groups))
    for i in range(5):
        read = signals.read(frame(PICTURES[Aspect.GREEN][0], i / 25))
    assert {k: aspects(h) for k, h in read.items()} == {
        "main": [Aspect.GREEN],
        "left": [Aspect.RED],
    }


def test_a_group_without_heads_and_log_is_refused() -> None:
    with pytest.raises(ConfigError, match="'main' has no head and no log"):
        SceneSignals(scene(SignalGroup("main")))
