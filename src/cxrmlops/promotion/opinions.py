"""What a model said of each study, as the ledger keeps it to compare two models."""

from math import isnan
from pathlib import Path
from typing import Any

from cxrmlops.records.tables import SCORED_STUDIES
from cxrmlops.vocabulary.reasons import OUT_OF_DISTRIBUTION


def opinions_of(score: Path) -> dict[str, dict[str, Any]]:
    """Return outcome, reason, probability and both answers of each study, by its UID.

    Args:
        score: what the stage `score` wrote.
    """
    rows = SCORED_STUDIES.read(score).to_dict("records")
    return {str(row["study_instance_uid"]): _opinion(row) for row in rows}


def comparable_opinions(score: Path) -> dict[str, dict[str, Any]]:
    """Return the opinions of studies that another model may see otherwise.

    What was rejected for its header or its pixels is rejected whoever reads.
    """
    return {
        uid: one
        for uid, one in opinions_of(score).items()
        if one["outcome"] == "scored" or OUT_OF_DISTRIBUTION in one["reason"]
    }


def accessions_of(score: Path) -> dict[str, str]:
    """Return the accession number of each study, by its UID."""
    rows = SCORED_STUDIES.read(score)
    return dict(zip(rows.study_instance_uid, rows.accession_number, strict=True))


def _opinion(row: dict[Any, Any]) -> dict[str, Any]:
    probability = float(row["probability"])
    return {
        "outcome": row["outcome"],
        "reason": row["reason"],
        "probability": None if isnan(probability) else probability,
        "balanced": row["answer_balanced"],
        "high_sensitivity": row["answer_high_sensitivity"],
    }
