"""Calibration: from surveyed points or distances to the road plane, with its covariance.

Stands beside the sources and detectors: it runs once, when a site file is read.
"""
