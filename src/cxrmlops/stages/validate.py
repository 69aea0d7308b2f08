"""Cohort + image statistics -> rows that keep every promise, the others named."""

import logging
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrmlops.data.data_docs import Page, write_data_docs
from cxrmlops.data.expectations import (
    Checked,
    check,
    cohort_promises,
    cohort_rows,
    image_promises,
    image_rows,
    set_promises,
)
from cxrmlops.params import ValidateParams
from cxrmlops.records.tables import IMAGES, INDEX, QUARANTINE, VALIDATED
from cxrmlops.records.validation import Validation
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import WORK, whole_folder

log = logging.getLogger(__name__)

TITLES = {
    "cohort": "Rows of the cohort",
    "images": "Statistics of the decoded films",
    "set": "The set as a whole",
}
BROKEN = {  # figure -> what to say, and which parameters bound it
    "studies": ("studies left", "min_studies"),
    "quarantined_share": ("share of films quarantined", "max_quarantined"),
    "abnormal_share": ("share of abnormal studies", "abnormal_low, abnormal_high"),
    "unknown_view_share": ("share of films of unknown view", "max_unknown_view"),
}


def run(*, cohort: Path, preprocess: Path, out: Path, params: ValidateParams) -> None:
    """Write images.parquet, quarantine.parquet, report.json and docs/ to `out`.

    Raises:
        DataError: the set as a whole breaks a promise. `out` is not touched; the
            docs and the quarantine of the refused set stand in .work/validate/.
    """
    images = IMAGES.read(cohort)
    index = INDEX.read(preprocess)
    if not images.image_id.equals(index.image_id):
        raise DataError(
            f"{preprocess} and {cohort} list different films; run dvc repro preprocess"
        )

    rows, reasons = _check_rows(images, index, params)
    kept, quarantine = _part(images, index, reasons)
    figures = _figures(images, kept)
    whole_set = _check_set(figures, params)
    good, checked = whole_set.result.success, [*rows, whole_set]

    refused = WORK / "validate"
    shutil.rmtree(refused, ignore_errors=True)
    target = out if good else refused
    with whole_folder(target) as draft:
        if good:
            VALIDATED.write(kept, draft)
        QUARANTINE.write(quarantine, draft)
        _report(checked, images, quarantine).write(draft / "report.json")
        write_data_docs(
            draft / "docs", _pages(checked), figures=_shown(figures, reasons)
        )
    if not good:
        raise DataError(_refusal(whole_set, target / "docs" / "index.html"))
    log.info("validate: %d kept, %s", len(kept), _tell(quarantine, reasons))


def _check_rows(
    images: pd.DataFrame, index: pd.DataFrame, params: ValidateParams
) -> tuple[list[Checked], list[list[str]]]:
    """Check row by row; give the reasons against each row of the cohort."""
    promises = image_promises(min_rows=params.min_rows, min_columns=params.min_columns)
    checked = [
        check("cohort", cohort_rows(images), cohort_promises()),
        check("images", image_rows(images, index), promises),
    ]
    reasons = [[reason] if reason else [] for reason in index.rejected]
    for one in checked:
        for reason, rows in one.broken.items():
            for row in rows:
                reasons[row].append(reason)
    return checked, reasons


def _part(
    images: pd.DataFrame, index: pd.DataFrame, reasons: Sequence[Sequence[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the cohort into VALIDATED and QUARANTINE rows."""
    good = pd.Series([not why for why in reasons], index=images.index, dtype=bool)
    place = index[[name for name in VALIDATED.columns if name not in IMAGES.columns]]
    kept = images.join(place)[good][list(VALIDATED.columns)]
    named = images.assign(reason=["|".join(why) for why in reasons])
    quarantine = named.astype({"reason": "string"})[~good][list(QUARANTINE.columns)]
    return kept.reset_index(drop=True), quarantine.reset_index(drop=True)


def _figures(images: pd.DataFrame, kept: pd.DataFrame) -> dict[str, float]:
    """Describe the set: shares are 0-1, and 0 of nothing is 0."""
    studies = kept.groupby("study_id").abnormal.first()
    return {
        "studies": len(studies),
        "quarantined_share": 1 - len(kept) / max(len(images), 1),
        "abnormal_share": float(studies.mean()) if len(studies) else 0.0,
        "unknown_view_share": float((kept["view"] == "unknown").sum())
        / max(len(kept), 1),
    }


def _check_set(figures: dict[str, float], params: ValidateParams) -> Checked:
    promises = set_promises(
        min_studies=params.min_studies,
        max_quarantined=params.max_quarantined,
        abnormal_share=(params.abnormal_low, params.abnormal_high),
        max_unknown_view=params.max_unknown_view,
    )
    return check("set", pd.DataFrame([figures]), promises)


def _report(
    checked: Sequence[Checked], images: pd.DataFrame, quarantine: pd.DataFrame
) -> Validation:
    return Validation(
        success=all(one.result.success for one in checked if one.table == "set"),
        n=len(images),
        quarantined=len(quarantine),
        expectations=tuple(finding for one in checked for finding in one.findings),
    )


def _pages(checked: Sequence[Checked]) -> list[Page]:
    return [Page(one.table, TITLES[one.table], one.result) for one in checked]


def _shown(
    figures: dict[str, float], reasons: Sequence[Sequence[str]]
) -> dict[str, str]:
    """Say the set in numbers, for the first page of the docs."""
    counts = Counter(reason for why in reasons for reason in why)
    images = {"films": len(reasons), "films kept": sum(not why for why in reasons)}
    named = {name.replace("_", " "): value for name, value in figures.items()}
    return {name: f"{value:.6g}" for name, value in (images | named).items()} | {
        f"quarantined: {reason}": str(n) for reason, n in sorted(counts.items())
    }


def _refusal(checked: Checked, docs: Path) -> str:
    """Say in one sentence what is wrong, by how much, and what to do next."""
    parts = []
    for finding in checked.findings:
        if finding.success:
            continue
        what, params = BROKEN[finding.reason]
        low, high = (finding.limits.get(f"{end}_value") for end in ("min", "max"))
        bounds = [f"at least {low:.6g}"] if low is not None else []
        bounds += [f"at most {high:.6g}"] if high is not None else []
        parts.append(
            f"{what}: {finding.observed:.6g}, {' and '.join(bounds)} allowed "
            f"(params.yaml, validate: {params})"
        )
    return (
        f"validate stopped, {'; '.join(parts)}; which films and why: {docs}; "
        "fix the source or change the bound"
    )


def _tell(quarantine: pd.DataFrame, reasons: Sequence[Sequence[str]]) -> str:
    counts = Counter(reason for why in reasons for reason in why)
    told = ", ".join(f"{n} {reason}" for reason, n in counts.most_common())
    return f"{len(quarantine)} quarantined" + (f" ({told})" if told else "")
