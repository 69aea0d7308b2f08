"""Answers per image -> answers per study, by the same rule everywhere."""

import numpy as np
import pandas as pd

from cxrmlops.records.tables import STUDIES
from cxrmlops.vocabulary.findings import STUDY_RULES, study_probability

OF_FIRST_IMAGE = (
    "patient_id",
    "split",
    "abnormal",
    "view",
    "portable",
    "sex",
    "age_years",
    "manufacturer",
    "source",
    "year",
    "findings",
)


def join_studies(
    images: pd.DataFrame, logit: np.ndarray, probability: np.ndarray, *, rule: str
) -> pd.DataFrame:
    """Join the images of each study: the unit of label, quota and answer.

    Args:
        images: SPLITS rows, n of them, in any order.
        logit: shape (n,), before calibration.
        probability: shape (n,), calibrated, 0-1.
        rule: `max` or `mean`; joins logits and probabilities alike.

    Returns:
        STUDIES rows, sorted by study. What belongs to one image (its view, ...) is the
        first image's, by image_id.
    """
    frame = images.assign(logit=logit, probability=probability).sort_values("image_id")
    study = frame.groupby("study_id")
    first = frame.drop_duplicates("study_id").set_index("study_id").sort_index()
    joined = first[list(OF_FIRST_IMAGE)].assign(
        n_images=study.size(),
        logit=study.logit.agg(lambda of: STUDY_RULES[rule](of.tolist())),
        probability=study.probability.agg(
            lambda of: study_probability(of.tolist(), rule)
        ),
    )
    return joined.reset_index()[list(STUDIES.columns)].astype(STUDIES.columns)
