"""What a model said of each study, as the ledger keeps it to compare two models."""

from math import isnan
from typing import Any

import pandas as pd

from cxrmlops.backlog.ledger import REJECTED, SCORED
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY
from cxrmlops.vocabulary.reasons import OUT_OF_DISTRIBUTION


def opinions_of(answered: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return outcome, reason, probability and both answers of each study, by its UID.

    Args:
        answered: `SCORED_STUDIES`.
    """
    rows = answered.to_dict("records")
    return {str(row["study_instance_uid"]): _opinion(row) for row in rows}


def comparable_opinions(answered: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the opinions of studies that another model may see otherwise.

    What was rejected for its header or its pixels is rejected whoever reads.
    """
    return {
        uid: one
        for uid, one in opinions_of(answered).items()
        if one["outcome"] == SCORED or OUT_OF_DISTRIBUTION in one["reason"]
    }


def accessions_of(answered: pd.DataFrame) -> dict[str, str]:
    """Return the accession number of each study, by its UID."""
    uids = answered.study_instance_uid
    return dict(zip(uids, answered.accession_number, strict=True))


def rejection(reason: str) -> dict[str, Any]:
    """Return the opinion of a study of which nothing could be read."""
    return {
        "outcome": REJECTED,
        "reason": reason,
        "probability": None,
        BALANCED: "",
        HIGH_SENSITIVITY: "",
    }


def _opinion(row: dict[Any, Any]) -> dict[str, Any]:
    probability = float(row["probability"])
    return {
        "outcome": row["outcome"],
        "reason": row["reason"],
        "probability": None if isnan(probability) else probability,
        BALANCED: row["answer_balanced"],
        HIGH_SENSITIVITY: row["answer_high_sensitivity"],
    }
