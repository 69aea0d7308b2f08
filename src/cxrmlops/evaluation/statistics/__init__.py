"""Intervals, ranking, agreement, calibration, operating points. Arrays in."""
