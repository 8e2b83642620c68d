"""Tracking: detections linked in time, on the road plane where it is known."""

from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.tracker import RoadPlaneTracker

__all__ = ["RoadPlaneTracker", "TrackerParameters"]
