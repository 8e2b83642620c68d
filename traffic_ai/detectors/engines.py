"""Engines: what can run a network, and which one does."""

import os
from dataclasses import dataclass
from importlib.util import find_spec

from traffic_ai.core.errors import UnusableModelError
from traffic_ai.core.kinds import Engine as Engine
from traffic_ai.detectors.networks import GraphSession

MOST_THREADS = 4  # a small network gains little beyond; more cores serve more cameras
BATCH_SIZES = (1, 2, 4, 8)


def words(engine: Engine) -> str:
    """An engine in words."""
    return _WORDS[engine]


_WORDS = {
    Engine.ORT: "ONNX Runtime",
    Engine.ORT_INT8: "ONNX Runtime, eight bits",
    Engine.OPENVINO: "OpenVINO",
    Engine.OPENVINO_INT8: "OpenVINO, eight bits",
    Engine.CUDA: "ONNX Runtime on an NVIDIA card (CUDA)",
    Engine.TENSORRT: "ONNX Runtime on an NVIDIA card (TensorRT)",
}


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine, how many threads it works with (None: 4; never more than the cores at hand), and
    how many pictures it is given at once at most.
    """

    engine: Engine = Engine.ORT
    threads: int | None = None
    batch_size: int = 1

    @property
    def thread_count(self) -> int:
        """How many threads the network gets in this process."""
        return min(self.threads or MOST_THREADS, core_count())

    def model_hash(self, weights_hash: str, graph_hash: str = "") -> str:
        """What a record names as its model.

        The SHA-256 of the weights where ONNX Runtime runs them as they are; else the engine's name
        stands behind it, and the SHA-256 of the graph where that is another one (`graph_hash`).
        """
        if self.engine is Engine.ORT:
            return weights_hash
        return "+".join(filter(None, [weights_hash, self.engine.value, graph_hash]))


DEFAULT_CHOICE = EngineChoice()


def core_count() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def callers_at_once(batch_size: int = 1) -> int:
    """How many threads should use one session at once, so that no core is left idle: between two
    calls each does what the network does not. Where it takes several pictures at once, twice as
    many: half of them wait while it has those of the others.
    """
    usual = min(core_count(), max(2, core_count() // MOST_THREADS))
    return usual if batch_size == 1 else max(usual, 2 * batch_size)


def open_session(data: bytes, where: str, choice: EngineChoice = DEFAULT_CHOICE) -> GraphSession:
    """A graph (serialised ONNX) in the chosen engine. `where` names the weights in messages.

    Raises UnusableModelError where the engine is not installed or does not start, or the graph is
    not one with a single float32 input [1, 3, H, W].
    """
    threads = choice.thread_count
    if choice.engine in (Engine.OPENVINO, Engine.OPENVINO_INT8):
        try:
            from traffic_ai.detectors.openvino import OpenVinoSession
        except ImportError as error:
            raise UnusableModelError(
                f"engine {choice.engine} needs OpenVINO ({error}); pip install "
                "'traffic-ai[openvino]', or choose another with --engine"
            ) from error
        return OpenVinoSession(data, where, threads)
    from traffic_ai.detectors.runtime import Session, providers

    return Session(data, where, threads, providers(choice.engine))


def engines_here() -> list[Engine]:
    """The engines whose libraries are installed; one may still not start."""
    import onnxruntime

    found = [Engine.ORT, Engine.ORT_INT8]
    if find_spec("openvino") is not None:
        found += [Engine.OPENVINO, Engine.OPENVINO_INT8]
    providers = onnxruntime.get_available_providers()
    found += [Engine.CUDA] if "CUDAExecutionProvider" in providers else []
    return found + ([Engine.TENSORRT] if "TensorrtExecutionProvider" in providers else [])
