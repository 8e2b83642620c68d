"""Puts concrete parts together: the only place that names them.

Rules of other packages come in by the entry-point group `traffic_ai.rules`: each entry point is a
callable (scene, provenance, parameters mapping) -> core.ports.Rule, with an attribute
`RULE_VERSION` on the callable or "0" if it has none.
"""

import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from traffic_ai.attention import SceneAttention
from traffic_ai.config.delivery import MQTT_NAME, DeliverySite
from traffic_ai.config.load import load_site
from traffic_ai.config.site import CameraSite, Site
from traffic_ai.core.decision_text import read_decision
from traffic_ai.core.errors import ConfigError, EvidenceError, UnusableModelError, UsageError
from traffic_ai.core.kinds import Engine
from traffic_ai.core.memory import give_back_free_blocks
from traffic_ai.core.ports import Attention, Detector, Rule, SignalReader
from traffic_ai.core.replay import Difference, compare, replayed
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import Provenance
from traffic_ai.delivery import Route
from traffic_ai.detectors.engines import DEFAULT_CHOICE, EngineChoice, words
from traffic_ai.detectors.models import prepared_folder, registry, sha256_of, weights
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.regions import RegionDetector, SizedDetector
from traffic_ai.detectors.remembered import is_anything_remembered, recall
from traffic_ai.detectors.riders import RiderDetector
from traffic_ai.evidence.grounds import CalibrationFit, CameraGrounds
from traffic_ai.pipeline import Session
from traffic_ai.rules import red_light, speeding, stop_over_line, wrong_way
from traffic_ai.signals.reader import SceneSignals
from traffic_ai.sinks.mqtt import MqttSink
from traffic_ai.sinks.webhook import WebhookSink
from traffic_ai.stores.outbox import Destination
from traffic_ai.tracking import RoadPlaneTracker

RULE_GROUP = "traffic_ai.rules"
DEFAULT_MODEL = "yolov8n"
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """Which detector runs. weights: a known model's name, an .onnx file, or a .pt file with
    allow_pt (unpickling it runs code). size_px: the length the longer side is brought to. choice:
    what runs an .onnx file.
    """

    weights: str = DEFAULT_MODEL
    size_px: int = 640
    allow_pt: bool = False
    choice: EngineChoice = DEFAULT_CHOICE


def open_site(path: Path) -> Site:
    """The site file, with the rules of installed packages known to it."""
    return load_site(path, tuple(_foreign_rules()))


def choose_engine(
    options: DetectorOptions, name: str = "", progress: Progress | None = None
) -> tuple[DetectorOptions, str]:
    """The options with the engine of that name, and what to say of it ("" for nothing).

    Without a name the engine that `traffic-ai tune` found best here, else the default one. Raises
    UsageError for an unknown name; ModelError for an eight-bit engine that was not found good here.
    """
    if name and name not in list(Engine):
        raise UsageError(f"--engine {name!r} is not known; give one of {', '.join(Engine)}")
    is_pt = _is_pt(options.weights)
    if name and is_pt:
        raise UsageError(f"--engine {name} is for .onnx weights; {options.weights} needs PyTorch")
    folder = prepared_folder()
    if is_pt or (not name and not is_anything_remembered(folder)):
        return options, ""
    kept = recall(folder, sha256_of(weights(options.weights, progress)), options.size_px)
    if not name:
        if kept is None:
            return options, ""
        said = f"engine: {words(kept.choice.engine)}, chosen by `traffic-ai tune` on {kept.at[:10]}"
        usual = kept.choice.engine is Engine.ORT
        return replace(options, choice=kept.choice), "" if usual else said
    engine = Engine(name)
    if engine.is_int8 and (kept is None or engine not in kept.accepted):
        raise UnusableModelError(
            f"engine {engine} was not found good here for {options.weights} at size "
            f"{options.size_px}; `traffic-ai tune` tries it, and tells why where it is not"
        )
    return replace(options, choice=EngineChoice(engine)), f"engine: {words(engine)}"


def _is_pt(name_or_path: str) -> bool:
    """Whether weights, by name or path, are a file that PyTorch runs; fetches nothing."""
    known = registry()
    file = known[name_or_path].file if name_or_path in known else name_or_path
    return Path(file).suffix == ".pt"


def load_detector(options: DetectorOptions, progress: Progress | None = None) -> SizedDetector:
    """The detector, its weights fetched if they are known and not there. Raises ModelError."""
    path = weights(options.weights, progress)
    if path.suffix == ".pt":
        from traffic_ai.detectors.ultralytics import UltralyticsDetector

        return UltralyticsDetector(path, size_px=options.size_px, allow_pickle=options.allow_pt)
    if options.allow_pt:
        raise UnusableModelError(f"{path} is not a .pt file; leave out --allow-pt")
    detector = OnnxDetector(
        path, size_px=options.size_px, choice=options.choice, folder=prepared_folder()
    )
    give_back_free_blocks()
    return detector


def at_once(options: DetectorOptions, batch_size: int | None) -> DetectorOptions:
    """The options with another number of pictures at once; None leaves it. Raises UsageError."""
    if batch_size is None:
        return options
    if _is_pt(options.weights):
        raise UsageError(f"--batch is for .onnx weights; {options.weights} needs PyTorch")
    return replace(options, choice=replace(options.choice, batch_size=batch_size))


def scene_detector(detector: SizedDetector, scene: Scene) -> Detector:
    """The detector as a scene wants it: in its area and regions, riders one with vehicles."""
    views = RegionDetector(detector, scene.detection_regions_px, scene.detection_area_px)
    return RiderDetector(views)


def new_session(
    scene: Scene,
    camera: CameraSite,
    provenance: Provenance,
    signals: SignalReader | None = None,
    *,
    every_frame: bool = True,
) -> Session:
    """A fresh session of one camera: tracker, signals and rules, nothing shared with others.

    signals: a reader in place of a fresh one of the scene's lamps and logs. every_frame: look at
    every frame; else at those that may decide something.
    """
    rules = new_rules(scene, camera.rules, provenance)
    attention = None if every_frame else new_attention(scene, camera.rules)
    return Session(RoadPlaneTracker(scene), signals or new_signals(scene), rules, attention)


def new_signals(scene: Scene) -> SignalReader:
    """A fresh reader of the scene's lamps and logs. Raises ConfigError."""
    return SceneSignals(scene)


def new_attention(scene: Scene, rules: Collection[str]) -> Attention | None:
    """Which frames to look at; None, so all of them, where a rule of another package judges."""
    return SceneAttention(scene, rules) if _VERSIONS.keys() >= set(rules) else None


def new_rules(scene: Scene, rules: Mapping[str, Any], provenance: Provenance) -> list[Rule]:
    """Fresh rules of one camera session, from their parameters by name."""
    return [_rule(name, scene, provenance, parameters) for name, parameters in rules.items()]


def camera_grounds(
    camera: CameraSite, scene: Scene, detector: SizedDetector, given_start: datetime | None = None
) -> CameraGrounds:
    """What the decisions of a camera session stand on, for its evidence.

    given_start: when the recording began, where that was given by hand.
    """
    return CameraGrounds(
        camera.name,
        camera.text,
        given_start,
        _calibration_fit(camera, scene),
        detector.size_px,
        decide_again,
    )


def _calibration_fit(camera: CameraSite, scene: Scene) -> CalibrationFit | None:
    report = camera.calibration_report(scene.width_px, scene.height_px)
    if report is None:
        return None
    places = zip(report.points_px.tolist(), report.residual_m.tolist(), strict=True)
    return CalibrationFit(
        report.rms_error_m,
        report.camera_height_m,
        tuple((x_px, y_px, residual_m) for (x_px, y_px), residual_m in places),
    )


def decide_again(
    recorded: Mapping[str, Any], site_text: str, decision_text: str
) -> list[Difference]:
    """A decision made again from what a package holds, and how it differs from its record.

    recorded: the document of the violation; site_text: the camera's canonical text. Raises
    EvidenceError where a text cannot be read or this program has no such version of the rule.
    """
    decision = read_decision(decision_text)
    try:
        info = decision.frames[0]
        camera, scene = _as_written(site_text, info.width_px, info.height_px)
        version = recorded["rule_version"]
        named = {n: p for n, p in camera.rules.items() if _version(n) == version}
        if not named:
            raise EvidenceError(
                f"the record was made by rule version {version!r}, this program has "
                f"{rules_version(camera) or 'no rule for it'}; use the version "
                f"{recorded['provenance']['software_version']} that made it"
            )
        rules = new_rules(scene, named, Provenance(**recorded["provenance"]))
        return compare(recorded, replayed(decision, rules))
    except (ConfigError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise EvidenceError(f"the record cannot be decided again: {error!r}") from error


@lru_cache(maxsize=4)
def _as_written(site_text: str, width_px: int, height_px: int) -> tuple[CameraSite, Scene]:
    """A camera by its canonical text, and its scene; kept, as a camera's records come together."""
    camera = CameraSite.of_text(site_text)
    return camera, camera.scene(width_px, height_px)


def new_routes(delivery: DeliverySite, run_folder: Path) -> list[Route]:
    """Who messages go to, and what carries them. Raises ConfigError where that cannot be used."""
    routes = []
    if (broker := delivery.broker) is not None:
        here = f"{socket.gethostname()} {run_folder.resolve()}"
        client_id = broker.client_id or f"traffic-ai-{sha256(here.encode()).hexdigest()[:12]}"
        with _of_destination(MQTT_NAME):
            mqtt = MqttSink(broker.url, client_id, broker.prefix, broker.ca_file)
        routes.append(Route(_destination(MQTT_NAME, delivery), mqtt))
    for webhook in delivery.webhooks:
        with _of_destination(webhook.name):
            http = WebhookSink(webhook.url, webhook.secret, webhook.ca_file)
        routes.append(Route(_destination(webhook.name, delivery), http))
    return routes


@contextmanager
def _of_destination(name: str) -> Iterator[None]:
    """Have errors say whose they are."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"delivery to {name}: {error}") from None


def _destination(name: str, delivery: DeliverySite) -> Destination:
    return Destination(name, delivery.max_messages, delivery.max_bytes)


def rules_version(camera: CameraSite) -> str:
    """The versions of the camera's rules, in a stable order."""
    return ",".join(sorted(f"{name}={_version(name)}" for name in camera.rules))


def _rule(name: str, scene: Scene, provenance: Provenance, parameters: Any) -> Rule:
    match name:
        case "red_light":
            return red_light.RedLight(scene, provenance, parameters)
        case "stop_over_line":
            return stop_over_line.StopOverLine(scene, provenance, parameters)
        case "wrong_way":
            return wrong_way.WrongWay(scene, provenance, parameters)
        case "speeding":
            return speeding.Speeding(scene, provenance, parameters)
    factory = _foreign_rules().get(name)
    if factory is None:
        raise ConfigError(f"there is no rule {name!r}; install the package that brings it")
    return cast(Rule, factory(scene, provenance, parameters))


_VERSIONS = {
    "red_light": red_light.RULE_VERSION,
    "stop_over_line": stop_over_line.RULE_VERSION,
    "wrong_way": wrong_way.RULE_VERSION,
    "speeding": speeding.RULE_VERSION,
}


def _version(name: str) -> str:
    if name in _VERSIONS:
        return _VERSIONS[name]
    return str(getattr(_foreign_rules().get(name), "RULE_VERSION", "0"))


@cache
def _foreign_rules() -> Mapping[str, Callable[..., object]]:
    """Rules of other installed packages by name."""
    found = {}
    for entry in entry_points(group=RULE_GROUP):
        if entry.name in _VERSIONS:
            raise ConfigError(
                f"package rule {entry.name!r} ({entry.value}) has the name of a built-in rule; "
                "uninstall that package"
            )
        found[entry.name] = entry.load()
    return found
