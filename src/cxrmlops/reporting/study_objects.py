"""
Everything that is written about one study, built from its stored rows.

No network runs here and no clock is read: the rows, the source headers and the settings
decide every byte. What is there already is left alone, so a second run writes nothing.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrmlops.dicom.read.headers import describe, read_header
from cxrmlops.dicom.read.source import Limits
from cxrmlops.dicom.results.answers import (
    LUNGS,
    ImageAnswer,
    ObjectReference,
    StudyAnswer,
)
from cxrmlops.dicom.results.derived import can_hold, save
from cxrmlops.dicom.results.secondary_capture import (
    OverlayPicture,
    build_secondary_capture,
)
from cxrmlops.dicom.results.structured_report import build_report
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.records.results import WrittenObject
from cxrmlops.reporting.fhir import build_bundle
from cxrmlops.reporting.regions import region_of
from cxrmlops.reporting.shown_image import (
    Row,
    ShownImage,
    draw,
    draw_page,
    save_page_pictures,
    save_picture,
    show_image,
)
from cxrmlops.reporting.texts import catalogue, summary, wording
from cxrmlops.system.errors import Rejected
from cxrmlops.system.files import write_text
from cxrmlops.vocabulary.reasons import Kind, reason_kind

_ANY = Limits(max_bytes=2**40, max_pixels=2**40)  # they passed the limits of `score`


@dataclass(frozen=True)
class Settings:
    """How objects of a run are written."""

    model: ModelIdentity
    method: str  # what made the maps: evidence, or a method of pytorch-grad-cam
    language: str
    institution: str
    comprehensive_3d: bool
    picture_side: int
    fhir: bool


@dataclass(frozen=True)
class StudyJob:
    """One study to write about."""

    study: Row  # of SCORED_STUDIES
    images: tuple[Row, ...]  # its rows of SCORED_IMAGES
    score: Path  # folder with the reading pictures
    out: Path
    settings: Settings
    predecessors: tuple[ObjectReference, ...] = ()


@dataclass(frozen=True)
class StudyWritten:
    """What was written about one study."""

    objects: tuple[WrittenObject, ...]
    pictures: tuple[tuple[str, str], ...]  # film and map per scored film; "" no map
    failed: str = ""  # why there is no report


def write_study(job: StudyJob) -> StudyWritten:
    """Write overlays, report, FHIR bundle and page pictures of one study."""
    settings = job.settings
    shown = [
        show_image(
            image,
            job.score,
            model=settings.model,
            method=settings.method,
            side=settings.picture_side,
        )
        for image in job.images
        if image["outcome"] == "scored"
    ]
    pages = tuple(save_page_pictures(image, job.out) for image in shown)
    drawn = [
        draw(image, model=settings.model, method=settings.method) for image in shown
    ]
    if not _is_dicom(job):
        return StudyWritten(_write_pictures(job, shown, drawn), pages)
    try:
        return StudyWritten(_write_objects(job, shown, drawn), pages)
    except Rejected as rejected:  # what `score` kept of a film is gone
        return StudyWritten((), pages, rejected.reason)


def _is_dicom(job: StudyJob) -> bool:
    return all(image["sop_class_uid"] for image in _reported(job))


def in_scope(job: StudyJob) -> bool:
    """Tell a study that the model read, or should have, from a hip or a CT."""
    return any(
        image["outcome"] == "scored"
        or reason_kind(image["reason"]) is not Kind.OUT_OF_SCOPE
        for image in job.images
    )


def _reported(job: StudyJob) -> list[Row]:
    """Return the films that the report speaks of: scored, or else looked at in vain."""
    scored = [image for image in job.images if image["outcome"] == "scored"]
    return scored or [f for f in job.images if _is_not_evaluable(f)]


def _is_not_evaluable(image: Row) -> bool:
    """Tell a film looked at in vain; one without UIDs no report could refer to."""
    named = image["sop_instance_uid"] and image["series_instance_uid"]
    return bool(named) and reason_kind(image["reason"]) is Kind.NOT_EVALUABLE


def _write_pictures(
    job: StudyJob, shown: Sequence[ShownImage], drawn: Sequence[OverlayPicture]
) -> tuple[WrittenObject, ...]:
    return tuple(
        WrittenObject(
            study_instance_uid=image.row["study_instance_uid"],
            kind="picture",
            series_instance_uid="",
            sop_class_uid="",
            sop_instance_uid=image.row["sop_instance_uid"],
            file=save_picture(image, job.out, picture),
        )
        for image, picture in zip(shown, drawn, strict=True)
    )


def _write_objects(
    job: StudyJob, shown: Sequence[ShownImage], drawn: Sequence[OverlayPicture]
) -> tuple[WrittenObject, ...]:
    reported = _reported(job)
    if not reported:
        return ()
    headers = [job.score / image["header"] for image in reported]
    sources = [read_header(header, limits=_ANY) for header in headers]
    study = _study_answer(job, reported, sources, shown)
    pictures = drawn or [draw_page(study.reason, job.settings.model)]
    captures = [
        build_secondary_capture(
            answer,
            picture,
            analysed_at=study.analysed_at,
            model=job.settings.model,
            content=image["content"],
        )
        for image, answer, picture in zip(
            reported, study.images, pictures, strict=False
        )
    ]
    report = _report(job, study, captures if drawn else ())
    written = [_save(made, "overlay", job.out) for made in captures]
    written.append(_save(report, "report", job.out))
    if job.settings.fhir:
        written.append(_save_fhir(job, study, report.SOPInstanceUID))
    return tuple(written)


def _report(job: StudyJob, study: StudyAnswer, overlays: Sequence[Any]) -> Any:
    source = study.images[0].source
    language = _language(job.settings.language, source)
    return build_report(
        study,
        job.settings.model,
        wording=wording(language),
        comment=_summary(job, study, language),
        overlays=overlays,
        predecessors=job.predecessors,
        comprehensive_3d=job.settings.comprehensive_3d,
        institution=_institution(job.settings.institution, source),
    )


def _summary(job: StudyJob, study: StudyAnswer, language: str) -> str:
    reported = {image["path"] for image in _reported(job)}
    left_out = [f["reason"] for f in job.images if f["path"] not in reported]
    return summary(study, job.settings.model, left_out=left_out, language=language)


def _study_answer(
    job: StudyJob,
    reported: Sequence[Row],
    sources: Sequence[Any],
    shown: Sequence[ShownImage],
) -> StudyAnswer:
    scored = job.study["outcome"] == "scored"
    regions = [region_of(image.heat) for image in shown] or [LUNGS] * len(reported)
    images = tuple(
        ImageAnswer(
            source,
            image["probability"] if scored else None,
            image["quality"],
            image["reason"],
            region,
        )
        for image, source, region in zip(reported, sources, regions, strict=True)
    )
    return StudyAnswer(
        images,
        job.study["probability"] if scored else None,
        dt.datetime.fromisoformat(job.study["analysed_at"]),
        files=tuple(f"{image['content']} {image['reason']}" for image in job.images),
    )


def _language(wanted: str, source: Any) -> str:
    """Use the site's language if the film's own character set has its letters."""
    return wanted if can_hold(source, "".join(catalogue(wanted).values())) else "en"


def _institution(name: str, source: Any) -> str:
    return name if can_hold(source, name) else ""


def _save(made: Any, kind: str, out: Path) -> WrittenObject:
    file = f"{made.SOPInstanceUID}.dcm"
    if not (out / file).exists():
        save(made, out / file)
    return WrittenObject(
        study_instance_uid=str(made.StudyInstanceUID),
        kind=kind,
        series_instance_uid=str(made.SeriesInstanceUID),
        sop_class_uid=str(made.SOPClassUID),
        sop_instance_uid=str(made.SOPInstanceUID),
        file=file,
    )


def _save_fhir(job: StudyJob, study: StudyAnswer, uid: str) -> WrittenObject:
    header = describe(study.images[0].source)
    file = f"fhir/{uid}.json"
    if not (job.out / file).exists():
        text = build_bundle(
            study,
            job.settings.model,
            header=header,
            report_uid=uid,
            conclusion=_summary(job, study, job.settings.language),
            disclaimer=catalogue(job.settings.language)["disclaimer"],
        )
        write_text(job.out / file, text, private=True)
    return WrittenObject(
        study_instance_uid=header.study_instance_uid,
        kind="fhir",
        series_instance_uid="",
        sop_class_uid="",
        sop_instance_uid=uid,
        file=file,
    )
