"""Site files: what a camera sees, validated, as the core's scenes.

Above the parts, below the wiring: the only place that knows how a site file is written.
"""

from traffic_ai.config.load import load_site
from traffic_ai.config.problems import Problem, Severity, SiteFileError
from traffic_ai.config.site import CalibrationReport, CameraSite, Site

__all__ = [
    "CalibrationReport",
    "CameraSite",
    "Problem",
    "Severity",
    "Site",
    "SiteFileError",
    "load_site",
]
