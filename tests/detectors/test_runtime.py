"""ONNX Runtime on a card, as far as can be told without one."""

from types import SimpleNamespace
from typing import Any

import pytest

from traffic_ai.core.errors import ModelError
from traffic_ai.core.kinds import Engine
from traffic_ai.detectors import runtime
from traffic_ai.detectors.engines import EngineChoice, open_session
from traffic_ai.detectors.runtime import CPU, CUDA, TENSORRT, providers


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An ONNX Runtime that knows cards; `runs` are the providers that start."""
    told: dict[str, Any] = {"runs": [TENSORRT, CUDA, CPU]}

    class FakeSession:
        def __init__(self, data: bytes, options: object, providers: list[Any]) -> None:
            told["asked"] = providers

        def get_providers(self) -> list[str]:
            return list(told["runs"])

        def get_inputs(self) -> list[SimpleNamespace]:
            shape = ["batch", 3, "height", "width"]
            return [SimpleNamespace(name="images", type="tensor(float)", shape=shape)]

    monkeypatch.setattr(runtime.onnxruntime, "InferenceSession", FakeSession)
    monkeypatch.setattr(
        runtime.onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU]
    )
    return told


def test_each_engine_asks_for_its_providers_and_for_whole_products(card: dict[str, Any]) -> None:
    open_session(b"", "m.onnx", EngineChoice(Engine.TENSORRT))
    assert [name for name, _ in card["asked"]] == [TENSORRT, CUDA, CPU]
    assert dict(card["asked"])[CUDA] == {"use_tf32": "0"}
    assert providers(Engine.CUDA) == (CUDA, CPU)
    assert providers(Engine.ORT) == providers(Engine.ORT_INT8) == (CPU,)


@pytest.mark.parametrize("engine", [Engine.CUDA, Engine.TENSORRT])
def test_a_card_that_does_not_start_is_an_error_and_not_the_processor(
    card: dict[str, Any], engine: Engine
) -> None:
    card["runs"] = [CPU]
    with pytest.raises(ModelError, match=r"did not start.*check its driver"):
        open_session(b"", "m.onnx", EngineChoice(engine))
