"""The outcome as JSON: the figures, and every single outcome behind them."""

from typing import Any

from traffic_ai.core.violation import document
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.summary import summarize

FORMAT = "traffic-ai-evaluation/1"


def report_document(report: Report) -> dict[str, Any]:
    """The report as JSON types."""
    return {
        "format": FORMAT,
        "kinds": sorted(kind.value for kind in report.kinds),
        "notes": list(report.notes),
        "summary": document(summarize(report)),
        "hits": document(report.hits),
        "misses": document(report.misses),
        "false_alarms": document(report.false_alarms),
        "neither_way": document(report.neither_way),
        "withheld": document(report.withheld),
        "speeds": document(report.speeds),
    }
