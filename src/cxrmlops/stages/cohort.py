"""Films + reports -> one row per image, every exclusion counted."""

import logging
import shutil
from pathlib import Path

import pandas as pd

from cxrmlops.data.cohort import MISSPELT, Cohort, build_cohort, summarise
from cxrmlops.data.cohort_state import (
    SCOPE,
    SUMMARY,
    CohortState,
    is_made_from,
    take_state,
)
from cxrmlops.data.report_labels import POLICY, Conclusion
from cxrmlops.data.sources import SOURCES, read_images
from cxrmlops.data.sources.rows import Namer, SourceInput
from cxrmlops.params import CohortParams, Site, scope_of
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.records.cohort_scope import CohortScope
from cxrmlops.records.tables import (
    CANDIDATE_PATHS,
    CANDIDATES,
    DECISIONS,
    IMAGES,
    REPORTS,
    beside,
)
from cxrmlops.reporting.cohort_flow import draw_flow
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import WORK, whole, whole_folder, work_folder

log = logging.getLogger(__name__)


def run(*, out: Path, params: CohortParams, site: Site) -> None:
    """Write three tables (.parquet), exclusions, scope (.json), flow.svg.

    The paths of the films go into a folder beside `out`, which DVC does not know.

    Does nothing where `out` was made from the same films, reports and settings.
    """
    state = take_state(params.model_dump(mode="json"), site.model_dump(mode="json"))
    if is_made_from(out, state):
        return

    cohort, summary = _build(state, params, site)

    with whole_folder(out, private=True) as draft:
        CANDIDATES.write(cohort.candidates, draft)
        IMAGES.write(cohort.images, draft)
        REPORTS.write(cohort.reports, draft)
        summary.write(draft / SUMMARY)
        CohortScope(scope_of(params, site)).write(draft / SCOPE)
        with whole(draft / "flow.svg") as svg:
            svg.write_text(draw_flow(summary), encoding="utf-8")
        # last: where it does not fit on the disk, nothing else is there either
        CANDIDATE_PATHS.write(cohort.paths, beside(out), private=True)
    shutil.rmtree(WORK / "cohort", ignore_errors=True)
    log.info(
        "cohort: %d of %d films in, %d studies (%d ASF) of %d patients",
        summary.included,
        summary.looked_at,
        summary.studies,
        summary.abnormal_studies,
        summary.patients,
    )


def _build(
    state: CohortState, params: CohortParams, site: Site
) -> tuple[Cohort, CohortSummary]:
    source = SOURCES[site.source]
    reading = _reading(state, params, site)
    reports = source.report_rows(reading)
    _say_reports(reports, site)
    images = read_images(source, state.images, reading, include=state.include)
    _check_images(images, reports, site)
    window = (params.start, params.end) if source.has_dates else None
    if window is None:
        log.info("cohort: %s has no study dates, date window skipped", site.source)
    name = site.name if site.source == "hospital" else site.source
    decisions = DECISIONS.read(site.decisions) if site.decisions else None
    cohort = build_cohort(
        images, reports, source=name, window=window, decisions=decisions
    )
    summary = summarise(
        cohort,
        name=name,
        source=site.source,
        label_policy=f"{source.label_policy}, studies {POLICY}",
        window=window,
        key_fingerprint=state.key_fingerprint,
        fingerprint=state.fingerprint,
    )
    _say_misspelt(cohort, site)
    _check_cohort(summary, site)
    return cohort, summary


def _reading(state: CohortState, params: CohortParams, site: Site) -> SourceInput:
    scope = scope_of(params, site)
    return SourceInput(
        images=site.films,
        reports=site.reports,
        namer=Namer(state.key),
        scope=scope,
        work=work_folder("cohort", state.code, state.key_fingerprint, scope.to_json()),
    )


def _say_reports(reports: pd.DataFrame, site: Site) -> None:
    counts = reports.conclusion.value_counts().to_dict()
    said = ", ".join(f"{counts.get(word, 0)} {word}" for word in Conclusion)
    log.info("cohort: %d reports of %s: %s", len(reports), site.source, said)


def _check_images(images: pd.DataFrame, reports: pd.DataFrame, site: Site) -> None:
    if images.empty:
        raise DataError(
            f"site.yaml: films: {site.films} holds no film file for the source "
            f"'{site.source}'; {len(reports)} report(s) wait for theirs"
        )
    if (images.rejected == "not_listed").all():
        raise DataError(
            f"site.yaml: include: {site.include} names none of the {len(images)} "
            f"film(s) below {site.films}; write file names, or set include: null"
        )
    if reports.empty:
        raise DataError(
            f"site.yaml: reports: {site.reports} holds no report; export it again"
        )


def _say_misspelt(cohort: Cohort, site: Site) -> None:
    n = int((cohort.candidates.detail == MISSPELT).sum())
    if n:
        log.warning(
            "cohort: %d film(s) are set aside as patient_mismatch, but film and %s "
            "differ only in letter case or leading zeros of patient_id",
            *(n, site.reports.name),
        )


# What cures an exclusion that leaves nobody; the most frequent one is named.
CURES = {
    "outside_dates": "widen cohort.start and cohort.end in params.yaml",
    "child": "lower cohort.min_age_years in params.yaml, if children are wanted",
    "patient_mismatch": "export patient_id as text, to the letter and zero as the "
    "films have it, or leave the column out",
    "no_study_date": "add a column study_date to the report table",
    "no_projection": "add the table of projections beside the films",
    "uncertain_label": "settle labels in the report table's column conclusion",
    "disputed_label": "settle labels in the report table's column conclusion",
    "chest_unknown": "add the site's words to site.yaml: chest_words",
    "not_chest": "add the site's words to site.yaml: chest_words",
}


def _check_cohort(summary: CohortSummary, site: Site) -> None:
    if summary.included:
        return
    counts = summary.excluded
    why = ", ".join(f"{n} {reason}" for reason, n in counts.items())
    if set(summary.reported_studies.excluded) == {"no_image"}:
        raise DataError(
            f"no report of {site.reports} belongs to a film below {site.films} "
            f"({why}); check that both come from the same archive and name studies by "
            "the same numbers"
        )
    cures = [
        CURES[name]
        for name in sorted(counts, key=lambda name: counts[name])
        if name in CURES
    ]
    raise DataError(
        f"no film below {site.films} is left ({why}); "
        f"{cures[-1] if cures else 'look at films and reports in site.yaml'}"
    )
