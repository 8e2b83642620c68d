"""Frames a second of this project against Ultralytics' own `track`, end to end."""
