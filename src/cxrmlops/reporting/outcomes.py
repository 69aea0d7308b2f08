"""What became of each file, one line each, for the person at the terminal."""

import os
from collections.abc import Iterator
from pathlib import Path

from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.reporting.texts import finding_words
from cxrmlops.vocabulary.findings import answer
from cxrmlops.vocabulary.reasons import reason_sentence


def outcome_lines(score: Path, *, below: Path) -> Iterator[str]:
    """Say for every file: scored with its probability, or rejected and why.

    Args:
        score: what the stage `score` wrote.
        below: files are named relative to this folder.
    """
    balanced = ScoringModel.read(score / "model.json").balanced
    for image in SCORED_IMAGES.read(score).to_dict("records"):
        name = os.path.relpath(image["path"], below)
        if image["outcome"] == "scored":
            probability = float(image["probability"])
            finding = answer(probability, balanced)
            words = finding_words(finding, "en")
            yield f"{name}: scored p={probability:.4f} {finding} ({words})"
        else:
            means = reason_sentence(image["reason"], "en")
            detail = f" [{image['detail']}]" if image["detail"] else ""
            yield f"{name}: rejected {image['reason']}: {means}{detail}"
