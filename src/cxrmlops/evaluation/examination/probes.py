"""
Small readers that see no lung: what else gives the label, or the source, away?

Fitted on train, read on val: test is read once, by evaluate, and probes may be fitted
again and again without another look at it.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxrmlops.evaluation.statistics.intervals import Bools, Floats, Interval, proportion

PRIOR = 2.0  # films that every level is lent, of the overall share
FOLDS = 3
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # C: the smaller, the more is smoothed
MIN_PER_LEVEL = 10  # films; rarer sources are not told apart


def read_level(level: pd.Series, abnormal: Bools, learnt: Bools) -> Floats | None:
    """Answer by the share of ASF that a film's level had among the films learnt from.

    Args:
        level: shape (n_images,), a word each: a view, a vendor.
        abnormal: shape (n_images,); what it says of other films is not looked at.
        learnt: shape (n_images,), which films to learn from.

    Returns:
        Shape (n_images,), 0-1, or None where all films learnt from have one level.
    """
    known = pd.DataFrame({"level": level[learnt], "abnormal": abnormal[learnt]})
    of = known.groupby("level").abnormal.agg(["sum", "count"])
    if len(of) < 2:
        return None
    overall = float(known.abnormal.mean())
    share = (of["sum"] + PRIOR * overall) / (of["count"] + PRIOR)
    return level.map(share).fillna(overall).to_numpy(dtype=np.float64)


def read_numbers(numbers: pd.DataFrame, abnormal: Bools, learnt: Bools) -> Floats:
    """Answer by boosted trees on a few numbers per film; NaN is a value like others.

    Args:
        numbers: shape (n_images, k).
        abnormal: shape (n_images,); what it says of other films is not looked at.
        learnt: shape (n_images,), which films to learn from.

    Returns:
        Shape (n_images,), 0-1.
    """
    trees = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, early_stopping=False, random_state=0
    )
    values = numbers.to_numpy(dtype=np.float64)
    trees.fit(values[learnt], abnormal[learnt])
    return np.asarray(trees.predict_proba(values)[:, 1], dtype=np.float64)


def read_grey(
    grey: npt.NDArray[np.float32], abnormal: Bools, learnt: Bools, patient: pd.Series
) -> Floats | None:
    """Answer by a logistic regression on grey values.

    The smoothing is chosen among the films learnt from, patients kept together.

    Args:
        grey: shape (n_images, k), 0-1.
        abnormal: shape (n_images,); what it says of other films is not looked at.
        learnt: shape (n_images,), which films to learn from.
        patient: shape (n_images,), one pseudonym per film.

    Returns:
        Shape (n_images,), 0-1, or None where fewer than `FOLDS` patients of a class are
        there to learn from.
    """
    known = pd.DataFrame({"patient": patient[learnt], "abnormal": abnormal[learnt]})
    if known.groupby("abnormal").patient.nunique().min() < FOLDS:
        return None
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
        {"logisticregression__C": STRENGTHS},
        scoring="roc_auc",
        cv=StratifiedGroupKFold(FOLDS),
    )
    search.fit(grey[learnt], abnormal[learnt], groups=patient[learnt])
    return np.asarray(search.predict_proba(grey)[:, 1], dtype=np.float64)


def classify_source(
    embedding: npt.NDArray[np.float32], level: pd.Series, patient: pd.Series
) -> tuple[Interval, float] | None:
    """Return how often a network's embedding names the level of a film.

    Cross-validated by patient. What a network can tell is no fault by itself: every
    vendor's films look alike. It says where to look when the label follows the vendor.

    Args:
        embedding: shape (n_images, c).
        level: shape (n_images,), a word each.
        patient: shape (n_images,), one pseudonym per film.

    Returns:
        Share of films named rightly, and the share of the commonest level, which is
        what guessing reaches; None without two levels of `MIN_PER_LEVEL` films and
        `FOLDS` patients.
    """
    images, patients = level.value_counts(), patient.groupby(level).nunique()
    enough = images.index[(images >= MIN_PER_LEVEL) & (patients[images.index] >= FOLDS)]
    kept = level.isin(enough).to_numpy(dtype=bool)
    names, persons = level[kept].to_numpy(dtype=str), patient[kept].to_numpy(dtype=str)
    if len(enough) < 2:
        return None
    named = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000)),
        embedding[kept],
        names,
        groups=persons,
        cv=StratifiedGroupKFold(FOLDS),
    )
    found = proportion(named == names, persons)
    if found is None:
        return None
    return found, float(images[enough].max() / kept.sum())
