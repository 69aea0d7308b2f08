"""
Whether a part of the picture is missing: rows or columns of one grey value.

A transfer that breaks leaves the rest of the pixels at one value. So do a collimator, a
shutter and padding, but those lie at the edges, and seldom at one side alone.
"""

import numpy as np

_ONE_GREY = 0.001  # standard deviation; a soft abdomen has 0.005, lost pixels have 0
_ONE_SIDED = 0.25  # of the side, more than at the other end; 2,395 real films: below
_SAMPLES = 512  # pixels that say whether a row shows something
_WITHIN = 0.03  # of the side, between rows that show something; real films: below 0.005


def missing_part(image: np.ndarray) -> str:
    """Return where rows or columns are missing; "" if none are.

    Args:
        image: shape (rows, columns), float32, 0-1, at full size.
    """
    for name, lines in (("rows", image), ("columns", image.T)):
        seen = lines[:, :: max(1, lines.shape[1] // _SAMPLES)]
        shown = np.flatnonzero(seen.std(axis=1) > _ONE_GREY)
        n = len(lines)
        if not len(shown):
            return ""  # blank, which is another question
        before, behind = shown[0], n - 1 - shown[-1]
        within = shown[-1] - shown[0] + 1 - len(shown)
        if abs(before - behind) > _ONE_SIDED * n:
            return f"{max(before, behind) / n:.0%} of the {name} at one side"
        if within > _WITHIN * n:
            return f"{within / n:.0%} of the {name}, between others"
    return ""
