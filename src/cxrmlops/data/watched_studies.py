"""Studies as the watch compares them: at night, and of val as the reference.

One row per study, of its first scored image: images of one study are no independent
witnesses. Reference and night are made here, side by side, because a difference between
the two ways would be an alarm that nothing in the hospital has caused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.records.tables import WATCHED
from cxrmlops.vocabulary.findings import study_logit
from cxrmlops.vocabulary.reasons import REASONS, Kind
from cxrmlops.vocabulary.watched import (
    DIRECTIONS,
    NUMBERS,
    PICTURE,
    UNKNOWN,
    WORDS,
    age_band,
)

DIGITS = 4  # of numbers, as answers are rounded at night
NOTHING = dict.fromkeys(WORDS, UNKNOWN) | dict.fromkeys(NUMBERS, float("nan"))
GRAVEST = (Kind.NOT_EVALUABLE, Kind.NO_IDENTITY, Kind.OUT_OF_SCOPE, Kind.COPY)


def watched_studies(
    studies: pd.DataFrame,
    images: Sequence[Mapping[str, Any]],
    seen: Mapping[str, Mapping[str, object]],
    *,
    rule: str,
) -> pd.DataFrame:
    """Return WATCHED, row by row of a night's studies.

    Args:
        studies: SCORED_STUDIES.
        images: rows of SCORED_IMAGES, with the directions of those that were scored.
        seen: path -> columns of WATCHED that need no network.
        rule: `max` or `mean`; joins the logits of a study's images.
    """
    by_study: dict[str, list[Mapping[str, Any]]] = {}
    for image in images:
        by_study.setdefault(image["study_instance_uid"], []).append(image)
    rows = [_row(by_study[uid], seen, rule=rule) for uid in studies.study_instance_uid]
    return _rounded(WATCHED.from_rows(rows))


def _row(
    images: Sequence[Mapping[str, Any]],
    seen: Mapping[str, Mapping[str, object]],
    *,
    rule: str,
) -> dict[str, object]:
    scored = [image for image in images if image["outcome"] == "scored"]
    first = (scored or images)[0]
    row = NOTHING | dict(seen[str(first["path"])])
    if not scored:
        kinds = {REASONS[image["reason"]].kind for image in images}
        kind = next(each for each in GRAVEST if each in kinds)
        return row | {"outcome": "rejected", "kind": kind.value}
    return row | {
        "outcome": "scored",
        "kind": "",
        "distance": first["distance"],
        "logit": study_logit([float(image["logit"]) for image in scored], rule),
        **{name: first[name] for name in DIRECTIONS},
    }


def reference_studies(
    images: pd.DataFrame,
    index: pd.DataFrame,
    studies: pd.DataFrame,
    *,
    distance: np.ndarray | None,
    directions: Sequence[Mapping[str, float]],
) -> pd.DataFrame:
    """Return WATCHED, one row per study of val, and its source; nobody is named.

    Args:
        images: SPLITS rows of val, n of them, in any order.
        index: INDEX rows, those of val among them.
        studies: STUDIES rows of val.
        distance: shape (n,), from the images of train; None: not known.
        directions: n of them, as `named_directions` gives them.
    """
    unknown = np.full(len(images), np.nan)
    seen = [*PICTURE, "photometric_interpretation", "voi", "rows"]
    known = index.set_index("image_id").loc[images.image_id, seen]
    of_images = pd.DataFrame(list(directions), index=images.index).assign(
        image_id=images.image_id,
        study_id=images.study_id,
        manufacturer=images.manufacturer.replace("", UNKNOWN),
        view=images.view,
        portable=images.portable,
        sex=images.sex,
        age_band=images.age_years.map(age_band),
        source=images.source,
        distance=unknown if distance is None else distance,
        **{name: known[name].to_numpy() for name in seen},
    )
    first = of_images.sort_values("image_id").drop_duplicates("study_id")
    logit = studies.set_index("study_id").logit
    rows = first.assign(
        outcome="scored", kind="", logit=logit.loc[first.study_id].to_numpy()
    ).sort_values("study_id", ignore_index=True)
    return _rounded(rows[[*WATCHED.columns, "source"]].astype(WATCHED.columns))


def _rounded(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].round(DIGITS) for name in NUMBERS})
