"""Stored answers -> structured reports, overlays, FHIR bundles, a reading list."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from cxrmlops.dicom.results.answers import ObjectReference
from cxrmlops.params import ReportParams, Site
from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.reading_list import Entry, Night
from cxrmlops.records.results import FailedStudies, WrittenObjects
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from cxrmlops.reporting.reading_list import write_reading_list
from cxrmlops.reporting.study_objects import (
    Settings,
    StudyJob,
    StudyWritten,
    in_scope,
    write_study,
)
from cxrmlops.system.errors import DataError
from cxrmlops.system.workers import map_isolated, worker_count

log = logging.getLogger(__name__)


def run(
    *,
    score: Path,
    out: Path,
    params: ReportParams,
    site: Site,
    predecessors: Mapping[str, Sequence[ObjectReference]] | None = None,
    waiting_since: Mapping[str, datetime] | None = None,
    rollout: str = "",
) -> None:
    """Write out/<SOP Instance UID>.dcm, fhir/, reading_list.html and their lists.

    objects.json names every object; failures.json every study without a report.
    Everything is built from what `score` wrote; no film is opened again. An object that
    is there already is left as it is: the first one wins.

    Args:
        score: what the stage `score` wrote.
        out: made if absent; may hold the results of an earlier run.
        params: which objects, and how large.
        site: language, institution.
        predecessors: study -> reports that the new one replaces (a late image).
        waiting_since: study -> when the backlog first saw it; others just arrived.
        rollout: stage of the site, for the reading list; "" outside a night.

    Raises:
        DataError: what `score` kept of a film is gone; all other studies are written.
    """
    images, studies = SCORED_IMAGES.read(score), SCORED_STUDIES.read(score)
    settings = _settings(ScoringModel.read(score / "model.json"), params, site)
    by_study = _images_by_study(images)
    jobs = [
        StudyJob(
            study=study,
            images=by_study[study["study_instance_uid"]],
            score=score,
            out=out,
            settings=settings,
            predecessors=tuple(
                (predecessors or {}).get(study["study_instance_uid"], ())
            ),
        )
        for study in studies.to_dict("records")
    ]
    written = list(_write_all(jobs))

    _write_lists(out, jobs, written)
    entries = _entries(jobs, written, waiting_since or {})
    night = _night(entries, images, studies, settings, params, site)
    write_reading_list(out, night.model_copy(update={"rollout": rollout}))
    _log_counts(written)
    _refuse_failures(written)


def _settings(model: ScoringModel, params: ReportParams, site: Site) -> Settings:
    return Settings(
        model=model,
        method=model.saliency_method,
        language=site.language,
        institution=site.institution,
        comprehensive_3d=params.comprehensive_3d,
        picture_side=params.picture_side,
        fhir=params.fhir,
    )


def _images_by_study(images: pd.DataFrame) -> dict[str, tuple[dict[str, object], ...]]:
    return {
        str(uid): tuple(group.to_dict("records"))
        for uid, group in images.groupby("study_instance_uid", sort=False)
    }


def _write_all(jobs: Sequence[StudyJob]) -> Iterator[StudyWritten]:
    """Write studies in processes; a study that kills its process is a failure."""
    workers = worker_count()
    for done in map_isolated(write_study, jobs, workers=workers, ahead=2 * workers + 1):
        yield done.output or StudyWritten((), (), done.why)


def _write_lists(
    out: Path, jobs: Sequence[StudyJob], written: Sequence[StudyWritten]
) -> None:
    objects = WrittenObjects(tuple(one for study in written for one in study.objects))
    objects.write(out / "objects.json", private=True)
    failures = {
        job.study["study_instance_uid"]: study.failed
        for job, study in zip(jobs, written, strict=True)
        if study.failed
    }
    FailedStudies(failures).write(out / "failures.json", private=True)


def _entries(
    jobs: Sequence[StudyJob],
    written: Sequence[StudyWritten],
    waiting_since: Mapping[str, datetime],
) -> list[Entry]:
    entries = []
    for job, result in zip(jobs, written, strict=True):
        study, uid = job.study, str(job.study["study_instance_uid"])
        since = waiting_since.get(uid)
        scored = study["outcome"] == "scored"
        entries.append(
            Entry(
                study_instance_uid=uid,
                accession_number=str(study["accession_number"]),
                study_date=str(study["study_date"]),
                probability=float(study["probability"]) if scored else None,
                answer=str(study["answer_balanced"]),
                reasons=tuple(f["reason"] for f in job.images if f["reason"]),
                pictures=result.pictures,
                in_scope=in_scope(job),
                waiting_since=since.isoformat() if since else "",
            )
        )
    return entries


def _night(  # noqa: PLR0913
    entries: Sequence[Entry],
    images: pd.DataFrame,
    studies: pd.DataFrame,
    settings: Settings,
    params: ReportParams,
    site: Site,
) -> Night:
    rejected = Counter(images.reason[images.outcome == "rejected"])
    model = settings.model
    return Night(
        site=site.institution or site.name,
        language=site.language,
        model=model.name,
        bundle=model.version,
        thresholds=tuple((p.name, p.threshold) for p in model.operating_points),
        analysed_at="" if studies.empty else str(studies.analysed_at.iloc[0]),
        comparable=settings.method == "evidence",
        files=len(images),
        rejected=tuple(sorted((str(k), n) for k, n in rejected.items())),
        max_wait_hours=params.max_wait_hours,
        audit_fraction=params.audit_fraction,
        entries=tuple(entries),
        viewer_url=site.viewer_url or "",
    )


def _log_counts(written: Sequence[StudyWritten]) -> None:
    kinds = Counter(one.kind for study in written for one in study.objects)
    counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    log.info("report: %d studies: %s", len(written), counts or "no object")


def _refuse_failures(written: Sequence[StudyWritten]) -> None:
    failed = Counter(study.failed for study in written if study.failed)
    if failed:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(failed.items()))
        raise DataError(
            f"{failed.total()} of {len(written)} studies have no report because what "
            f"'score' kept of a film is gone or broken ({reasons}); score them again, "
            "the others are written"
        )
