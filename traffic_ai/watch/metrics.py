"""How a watch stands, in Prometheus' text format."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from traffic_ai.delivery import DeliveryView
from traffic_ai.sources.live_status import CameraState
from traffic_ai.watch.view import CameraView, UpkeepView


def metrics(views: Sequence[CameraView], upkeep: UpkeepView | None = None) -> str:
    """The views in Prometheus' text format."""
    lines = [*_of_cameras(views), *(() if upkeep is None else _of_the_watch(upkeep))]
    return "".join(f"{line}\n" for line in lines)


def _of_cameras(views: Sequence[CameraView]) -> Iterator[str]:
    figures: tuple[tuple[str, str, Callable[[CameraView], float]], ...] = (
        ("frames_received_total", "counter", lambda v: v.status.frames_received),
        ("frames_skipped_total", "counter", lambda v: v.status.frames_skipped),
        ("frames_dropped_total", "counter", lambda v: v.status.frames_dropped),
        ("frames_analysed_total", "counter", lambda v: v.analysed_count),
        ("reconnects_total", "counter", lambda v: v.status.reconnects),
        ("analysis_errors_total", "counter", lambda v: v.error_count),
        ("violations_total", "counter", lambda v: v.violation_count),
        ("stream_frames_per_second", "gauge", lambda v: v.status.received_fps),
        ("analysed_frames_per_second", "gauge", lambda v: v.analysed_fps),
        ("lag_seconds", "gauge", lambda v: max(v.status.lag_s, v.lag_s)),
        ("lost_entries_total", "counter", lambda v: v.lost_count),
        ("unsaved_entries", "gauge", lambda v: v.unsaved_count),
        ("thinned", "gauge", lambda v: int(v.is_thinned)),
        ("starved", "gauge", lambda v: int(v.is_starved)),
    )
    for name, kind, figure in figures:
        yield f"# TYPE traffic_ai_{name} {kind}"
        for view in views:
            yield f'traffic_ai_{name}{{camera="{_label(view.camera_id)}"}} {figure(view)}'
    yield "# TYPE traffic_ai_inference_seconds summary"
    for view in views:
        label = f'{{camera="{_label(view.camera_id)}"}}'
        yield f"traffic_ai_inference_seconds_sum{label} {view.inference_s}"
        yield f"traffic_ai_inference_seconds_count{label} {view.inference_count}"
    yield "# TYPE traffic_ai_camera_state gauge"
    for view in views:
        for state in CameraState:
            labels = f'camera="{_label(view.camera_id)}",state="{state.value}"'
            yield f"traffic_ai_camera_state{{{labels}}} {int(view.status.state is state)}"


def _of_the_watch(upkeep: UpkeepView) -> Iterator[str]:
    evidence = upkeep.evidence
    for name, kind, value in (
        ("disk_free_bytes", "gauge", upkeep.disk_free_bytes),
        ("disk_full", "gauge", int(upkeep.disk_is_full)),
        ("evidence_owed", "gauge", evidence.owed),
        ("evidence_unnoted", "gauge", evidence.unnoted),
        ("evidence_written_total", "counter", evidence.written),
        ("evidence_failed_total", "counter", evidence.failed),
        ("records_deleted_total", "counter", upkeep.deleted_count),
        ("alarms", "gauge", len(upkeep.alarms)),
    ):
        yield f"# TYPE traffic_ai_{name} {kind}"
        yield f"traffic_ai_{name} {value}"
    now = datetime.now(UTC)
    figures: tuple[tuple[str, str, Callable[[DeliveryView], float]], ...] = (
        ("outbox_messages", "gauge", lambda v: v.waiting.queued),
        ("outbox_bytes", "gauge", lambda v: v.waiting.queued_bytes),
        ("outbox_full_ratio", "gauge", lambda v: round(v.waiting.share, 4)),
        ("outbox_refused", "gauge", lambda v: v.waiting.refused),
        ("outbox_oldest_seconds", "gauge", lambda v: _age_s(v.waiting.oldest_at, now)),
        ("outbox_delivered_total", "counter", lambda v: v.waiting.delivered),
        ("outbox_dropped_total", "counter", lambda v: v.waiting.dropped),
        ("delivery_up", "gauge", lambda v: int(not v.trouble)),
    )
    for name, kind, figure in figures:
        yield f"# TYPE traffic_ai_{name} {kind}"
        for view in upkeep.deliveries:
            yield f'traffic_ai_{name}{{destination="{_label(view.name)}"}} {figure(view)}'


def _age_s(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
