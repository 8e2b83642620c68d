"""Types and geometry that every other layer speaks: frames, tracks, scenes, signals, violations.

Imports numpy, shapely and the standard library only.
"""
