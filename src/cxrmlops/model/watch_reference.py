"""The reference of the watch: what val looked like, study by study, inside a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrmlops.model.out_of_distribution import Familiar
from cxrmlops.records.tables import WATCHED
from cxrmlops.vocabulary.watched import DIRECTIONS

PREFIX = "watch_"
PATIENTS = f"{PREFIX}patients"
MOST = 5000  # studies of val that are kept, evenly drawn
COLUMNS = (*(name for name in WATCHED.columns if name not in ("outcome", "kind")),) + (
    "source",
)


@dataclass(frozen=True)
class WatchReference:
    """Studies of val, and of how many patients they are."""

    studies: pd.DataFrame  # WATCHED with a column source; no study or patient is named
    patients: int


def named_directions(
    features: np.ndarray, familiar: Familiar | None
) -> list[dict[str, float]]:
    """Return where images lie along the main directions of train's; NaN: not known.

    Args:
        features: shape (n, d), as `out_of_distribution.collected` gives them.
        familiar: the bundle's; None: too few images described it.
    """
    n = len(DIRECTIONS)
    unknown = np.full((len(features), n), np.nan)
    found = unknown if familiar is None else familiar.coordinates(features, n)
    return [dict(zip(DIRECTIONS, row.tolist(), strict=True)) for row in found]


def to_arrays(studies: pd.DataFrame, *, patients: int) -> dict[str, np.ndarray]:
    """Return arrays for the bundle's reference: words as text, numbers as float32."""
    kept = np.linspace(0, len(studies) - 1, min(len(studies), MOST)).astype(int)
    rows = studies.iloc[kept]
    share = len(rows) / max(len(studies), 1)
    arrays = {
        f"{PREFIX}{name}": (
            rows[name].to_numpy(np.float32)
            if rows[name].dtype.kind == "f"
            else np.array(rows[name].tolist(), np.str_)
        )
        for name in COLUMNS
    }
    return arrays | {PATIENTS: np.array(max(round(patients * share), 1))}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> WatchReference | None:
    """Take it from a bundle's reference; None: an older version wrote the bundle."""
    if any(f"{PREFIX}{name}" not in arrays for name in COLUMNS):
        return None
    found = {name: arrays[f"{PREFIX}{name}"].tolist() for name in COLUMNS}
    rows = pd.DataFrame(found | {"outcome": "scored", "kind": ""})
    kinds = WATCHED.columns | {"source": "string"}
    return WatchReference(rows[list(kinds)].astype(kinds), int(arrays[PATIENTS]))
