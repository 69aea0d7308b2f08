"""
Who is in: every film and every reported study gets exactly one outcome.

A film meets the questions of `EXCLUSIONS` in their order and leaves at the first one
that it fails; what is left is the cohort. Nothing depends on the order of the files.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrmlops.data.adjudication import settle
from cxrmlops.data.report_labels import Conclusion, label_studies
from cxrmlops.records.cohort import CohortSummary, DateWindow, ReportedStudies
from cxrmlops.records.tables import (
    CANDIDATE_PATHS,
    CANDIDATES,
    DECISIONS,
    IMAGES,
    REPORTS,
)
from cxrmlops.vocabulary.reasons import REASONS

INCLUDED = "included"

# Reasons beside those of a single file (`reasons.REASONS`), one plain sentence each,
# in the order in which they are asked.
BEFORE_HEADERS = {
    "bad_file_name": "The file's name is not UTF-8.",
    "not_listed": "The film is not on the list that site.yaml: include names.",
}
AFTER_HEADERS = {
    "no_projection": "Nothing says whether the picture is frontal or lateral.",
    "duplicate": "The same image (SOP Instance UID) lies there a second time.",
    "no_study_id": "The film does not say which study it belongs to.",
    "no_patient_id": "The film does not say which patient it belongs to.",
    "ambiguous_patient": "Several issuers gave this number, the film names none.",
    "no_study_date": "Neither film nor report says when the study was made.",
    "outside_dates": "The study lies outside the date window.",
    "no_report": "No report belongs to the film.",
    "patient_mismatch": "Film and report, or films of one study, name two patients.",
    "uncertain_label": "The report does not commit itself.",
    "disputed_label": "The reports of the study contradict each other.",
}
EXCLUSIONS = {
    **BEFORE_HEADERS,
    **{k: v.english for k, v in REASONS.items() if k not in AFTER_HEADERS},
    **AFTER_HEADERS,
}
MISSPELT = "the report has this patient's number in other letter case or without zeros"
STUDY_EXCLUSIONS = {
    "no_image": "No film of the reported study was found among those asked for.",
    "no_accepted_image": "No film of the study is a frontal chest film of an adult.",
}


@dataclass(frozen=True)
class Cohort:
    """The tables of one cohort, each sorted, each row with its outcome."""

    candidates: pd.DataFrame  # CANDIDATES
    paths: pd.DataFrame  # CANDIDATE_PATHS, row by row those of `candidates`
    images: pd.DataFrame  # IMAGES
    reports: pd.DataFrame  # REPORTS


def build_cohort(
    candidates: pd.DataFrame,
    reports: pd.DataFrame,
    *,
    source: str,
    window: tuple[dt.date, dt.date] | None,
    decisions: pd.DataFrame | None = None,
) -> Cohort:
    """Decide who is in.

    Args:
        candidates: `IMAGE_ROWS`, one row per file, in any order.
        reports: `REPORT_ROWS`, one row per report, in any order.
        source: name that the images carry.
        window: first and last study date, both inside; None: the source has no dates.
        decisions: DECISIONS rows, which stand above the reports; None: there are none.
    """
    candidates = candidates.sort_values("path", ignore_index=True)
    candidates = candidates.assign(patient_id=_qualify(candidates))
    settled = DECISIONS.empty() if decisions is None else decisions
    studies = settle(match_reports(reports, candidates), settled)
    candidates = candidates.merge(
        studies, on="study_id", how="left", validate="many_to_one"
    )
    candidates = candidates.assign(outcome=_outcomes(candidates, window=window))
    candidates.loc[_misspelt(candidates), "detail"] = MISSPELT
    included = candidates[candidates.outcome == INCLUDED]
    images = included.assign(
        source=source,
        year=pd.to_numeric(_date(included).str[:4], errors="coerce"),
        abnormal=included.conclusion == Conclusion.ASF,
    ).sort_values("image_id")
    return Cohort(
        candidates=candidates[list(CANDIDATES.columns)].astype(CANDIDATES.columns),
        paths=candidates[list(CANDIDATE_PATHS.columns)].astype(CANDIDATE_PATHS.columns),
        images=images[list(IMAGES.columns)].astype(IMAGES.columns),
        reports=_report_outcomes(studies, candidates),
    )


def match_reports(reports: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Join the reports of each study into one row.

    A report belongs to the study whose Study Instance UID it names; where no film has
    it, to every study that bears its accession number. A report without film keeps
    its own number.

    Returns:
        One row per study: study_id, conclusion, findings, codes, report_date (""
        unknown), report_numbers and loose_report_numbers (of the patients that the
        reports name, joined by "|") and shared (its accession number belongs to films
        of several patients).
    """
    matched = _by_study(reports, candidates)
    labels = label_studies(matched)
    groups = matched.groupby("study_id")
    numbers, loose = groups.number_id.agg(_each), groups.loose_number_id.agg(_each)
    return labels.assign(
        report_date=labels.study_id.map(groups.study_date.max()).astype("string"),
        report_numbers=labels.study_id.map(numbers).astype("string"),
        loose_report_numbers=labels.study_id.map(loose).astype("string"),
        shared=labels.study_id.map(groups.shared.max()).astype("bool"),
    )


def _each(numbers: pd.Series) -> str:
    return "|".join(sorted(set(numbers) - {""}))


def _by_study(reports: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Assign every report the pseudonym of its study, and say if it is a shared one."""
    direct = reports.study_id.isin(candidates.study_id[candidates.study_id != ""])
    known = candidates[(candidates.study_id != "") & (candidates.accession_id != "")]
    several = known.groupby("accession_id").number_id.nunique() > 1
    pairs = known[["accession_id", "study_id"]].drop_duplicates()
    pairs = pairs.rename(columns={"study_id": "image_study"})
    found = reports[~direct].merge(pairs, on="accession_id", how="left")
    own = found.study_id.where(found.study_id != "", "accession " + found.accession_id)
    found = found.assign(
        study_id=found.image_study.fillna(own),
        shared=found.accession_id.isin(several.index[several]),
    ).drop(columns="image_study")
    return pd.concat([reports[direct].assign(shared=False), found], ignore_index=True)


def count(outcomes: pd.Series, order: Mapping[str, str] = EXCLUSIONS) -> dict[str, int]:
    """Count each reason that occurs, in the order in which they are asked."""
    counts = outcomes[outcomes != INCLUDED].value_counts()
    rank = {reason: at for at, reason in enumerate(order)}
    names = sorted(
        counts.index, key=lambda reason: (rank.get(reason, len(rank)), reason)
    )
    return {reason: int(counts[reason]) for reason in names}


def summarise(
    cohort: Cohort,
    *,
    name: str,
    source: str,
    label_policy: str,
    window: tuple[dt.date, dt.date] | None,
    key_fingerprint: str,
    fingerprint: str,
) -> CohortSummary:
    """Count everything that exclusions.json and the flow diagram say.

    Args:
        cohort: its films, images and reports.
        name: of the site, or of the public set.
        source: as in site.yaml.
        label_policy: version of the rules from report to label.
        window: first and last study date; None: the source gives none.
        key_fingerprint: of the key of the pseudonyms.
        fingerprint: of all that the cohort was made from.
    """
    studies = cohort.images.drop_duplicates("study_id")
    outcomes = cohort.reports.outcome
    dates = window and DateWindow(start=str(window[0]), end=str(window[1]))
    return CohortSummary(
        name=name,
        source=source,
        label_policy=label_policy,
        window=dates,
        looked_at=len(cohort.candidates),
        excluded=count(cohort.candidates.outcome),
        included=len(cohort.images),
        studies=len(studies),
        abnormal_studies=int(studies.abnormal.sum()),
        patients=int(cohort.images.patient_id.nunique()),
        reported_studies=ReportedStudies(
            looked_at=len(outcomes),
            excluded=count(outcomes, STUDY_EXCLUSIONS | EXCLUSIONS),
            included=int((outcomes == INCLUDED).sum()),
        ),
        adjudicated_studies=int((cohort.reports.label_source != "report").sum()),
        key_fingerprint=key_fingerprint,
        fingerprint=fingerprint,
    )


def _outcomes(
    candidates: pd.DataFrame, *, window: tuple[dt.date, dt.date] | None
) -> pd.Series:
    date = _date(candidates)
    usable = candidates.rejected == ""
    first = ~candidates.image_id.where(usable).duplicated() | ~usable
    unqualified = ~candidates.has_issuer & (_issuers(candidates) > 1)
    answers = {
        "duplicate": ~first,
        "no_study_id": candidates.study_id == "",
        "no_patient_id": candidates.number_id == "",
        "ambiguous_patient": unqualified,
        "no_study_date": (date == "") & (window is not None),
        "outside_dates": _outside(date, window),
        "no_report": candidates.conclusion.isna(),
        "patient_mismatch": _mismatch(candidates, usable & first),
        "uncertain_label": candidates.conclusion == Conclusion.UNCERTAIN,
        "disputed_label": candidates.conclusion == Conclusion.DISPUTED,
    }
    conditions = [~usable, *answers.values()]
    results = [candidates.rejected.to_numpy(), *answers]
    masks = [np.asarray(mask.fillna(False), dtype=bool) for mask in conditions]
    return pd.Series(np.select(masks, results, INCLUDED), dtype="string")


def _date(candidates: pd.DataFrame) -> pd.Series:
    """Study date of each film: its own, else its report's, else ""."""
    return candidates.study_date.where(
        candidates.study_date != "", candidates.report_date
    ).fillna("")


def _outside(date: pd.Series, window: tuple[dt.date, dt.date] | None) -> pd.Series:
    if window is None:
        return pd.Series(False, index=date.index)
    start, end = (f"{day:%Y%m%d}" for day in window)
    return (date < start) | (date > end)


def _issuers(candidates: pd.DataFrame) -> pd.Series:
    """Count the issuers that gave each film's patient number."""
    issued = candidates.patient_id.where(candidates.has_issuer)
    return issued.groupby(candidates.number_id).transform("nunique")


def _qualify(candidates: pd.DataFrame) -> pd.Series:
    """Complete a patient number without issuer where only one issuer gave it.

    Devices that leave the issuer out must not turn one patient into two.
    """
    issued = candidates.patient_id.where(candidates.has_issuer)
    only = issued.groupby(candidates.number_id).transform("first")
    fill = (
        ~candidates.has_issuer
        & (candidates.number_id != "")
        & (_issuers(candidates) == 1)
    )
    return candidates.patient_id.where(~fill, only)


def _mismatch(candidates: pd.DataFrame, counted: pd.Series) -> pd.Series:
    """Find films whose study or report names another patient too."""
    patients = candidates.patient_id.where(counted & (candidates.number_id != ""))
    several = patients.groupby(candidates.study_id).transform("nunique") > 1
    named = candidates.report_numbers.fillna("")
    other = (named != "") & (named != candidates.number_id)
    return several | other | candidates.shared.astype("boolean").fillna(False)


def _misspelt(candidates: pd.DataFrame) -> pd.Series:
    """Find films whose patient the report names, but for letter case or zeros."""
    exact = candidates.report_numbers.fillna("") == candidates.number_id
    loose = candidates.loose_report_numbers.fillna("") == candidates.loose_number_id
    told = (candidates.outcome == "patient_mismatch") & (
        candidates.loose_number_id != ""
    )
    return told & ~exact & loose


def _report_outcomes(studies: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each reported study: as far as its best film came."""
    order = [*EXCLUSIONS, INCLUDED]
    rank = candidates.outcome.map(
        {reason: at for at, reason in enumerate(order)}
    ).fillna(0)
    best = rank.groupby(candidates.study_id).max()
    outcome = [_study_outcome(order, best.get(study)) for study in studies.study_id]
    frame = studies.assign(outcome=outcome)
    return frame[list(REPORTS.columns)].astype(REPORTS.columns)


def _study_outcome(order: list[str], best: float | None) -> str:
    if best is None:
        return "no_image"
    reason = order[int(best)]
    late = (INCLUDED, *list(AFTER_HEADERS)[1:])
    return reason if reason in late else "no_accepted_image"
