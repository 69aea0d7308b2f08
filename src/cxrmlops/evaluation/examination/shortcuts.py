"""
Is it a shortcut? What reaches the label without a lung, and whether the answer does.

Three questions, all on val. Does anything but the lung give the label away (probes;
of parts of the picture outside the chest, which show the patient, too: what they add)?
Does the network's AUC come from such differences (inflation)? Can its embedding tell
where a film comes from (told apart)? The first is about the cohort, the second about
the model, the third explains the second.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.evaluation.examination.outside_parts import PARTS, measure_excess
from cxrmlops.evaluation.examination.probes import (
    classify_source,
    read_grey,
    read_level,
    read_numbers,
)
from cxrmlops.evaluation.examination.within_levels import auc_inflation
from cxrmlops.evaluation.performance.studies import join_scores
from cxrmlops.evaluation.performance.subgroups import age_band
from cxrmlops.evaluation.statistics.estimates import estimate
from cxrmlops.evaluation.statistics.intervals import Bools, Floats
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import Inflation, Probe, SourceShare

ACQUISITION = ("view", "portable", "manufacturer", "source", "year")
PERSON = ("sex", "age")
SIZE = ("rows", "columns", "bits_stored")
INTENSITY = ("mean", "std", "p01", "p50", "p99", "black", "white")


def measure_shortcuts(
    images: pd.DataFrame, thumbnails: npt.NDArray[np.float32], *, rule: str
) -> list[Probe]:
    """Let every probe learn the label on train, and read it on val.

    Args:
        images: train and val rows of SPLITS, with the numbers of INDEX beside them.
        thumbnails: shape (n_images, 256), of the same films.
        rule: joins a study's films.
    """
    learnt = (images.split == "train").to_numpy(dtype=bool)
    is_asf = images.abnormal.to_numpy(dtype=bool)
    n = int(images.study_id[images.split == "val"].nunique())
    excess = measure_excess(images, thumbnails, rule=rule)
    return [
        Probe(
            name=name,
            kind=kind,
            n=n,
            auc=_on_val(read(is_asf, learnt), images, rule),
            excess=estimate(excess.get(name)),
        )
        for name, kind, read in _probes(images, thumbnails)
    ]


def measure_inflation(studies: pd.DataFrame) -> list[Inflation]:
    """Return the network's AUC inflation by each acquisition attribute.

    Args:
        studies: STUDIES rows of val.
    """
    levels = attributes(studies)
    return [
        Inflation(
            name=name,
            n=len(studies),
            inflation=estimate(auc_inflation(studies, levels[name])),
        )
        for name in ACQUISITION
    ]


def measure_told_apart(
    images: pd.DataFrame, embedding: npt.NDArray[np.float32]
) -> list[SourceShare]:
    """Return which attributes the embedding gives away.

    Args:
        images: n rows of SPLITS.
        embedding: shape (n, c), of the same films.
    """
    levels = attributes(images)
    given = []
    for name in (*ACQUISITION, "sex"):
        found = classify_source(embedding, levels[name], images.patient_id)
        share, guess = found if found else (None, None)
        given.append(
            SourceShare(name=name, n=len(images), share=estimate(share), guess=guess)
        )
    return given


def attributes(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the levels of what is known of each film or study beside its pixels."""
    return {
        "view": rows["view"],
        "portable": rows.portable,
        "manufacturer": rows.manufacturer.replace("", "unknown"),
        "source": rows.source,
        "year": rows.year.astype("string").fillna("unknown"),
        "sex": rows.sex,
        "age": age_band(rows.age_years),
    }


Score = Callable[[Bools, Bools], Floats | None]


def _probes(
    images: pd.DataFrame, thumbnails: npt.NDArray[np.float32]
) -> Iterator[tuple[str, str, Score]]:
    levels = attributes(images)
    for kind, names in (("acquisition", ACQUISITION), ("person", PERSON)):
        for name in names:
            yield name, kind, partial(read_level, levels[name])
    yield "size", "acquisition", partial(_numbers, images[list(SIZE)])
    for name, part in PARTS.items():
        yield name, "outside", _grey(thumbnails[:, part], images)
    yield "intensity", "picture", partial(_numbers, images[list(INTENSITY)])
    yield "thumbnail", "picture", _grey(thumbnails, images)


def _numbers(numbers: pd.DataFrame, abnormal: Bools, learnt: Bools) -> Floats | None:
    if len(numbers[learnt].drop_duplicates()) < 2:
        return None
    return read_numbers(numbers, abnormal, learnt)


def _grey(grey: npt.NDArray[np.float32], images: pd.DataFrame) -> Score:
    return lambda y, at: read_grey(grey, y, at, images.patient_id)


def _on_val(score: Floats | None, images: pd.DataFrame, rule: str) -> Estimate | None:
    if score is None:
        return None
    val = (images.split == "val").to_numpy(dtype=bool)
    joined = join_scores(images[val], score[val], rule=rule)
    return estimate(
        auc_interval(joined.probability, joined.abnormal, joined.patient_id)
    )
