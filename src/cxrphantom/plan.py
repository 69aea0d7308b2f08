"""Who comes when, with what: the cohort before any film is taken."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from cxrphantom import misfits
from cxrphantom.findings import Finding, draw_findings
from cxrphantom.headers import Exam
from cxrphantom.people import Person, draw_person, made_number, made_uid
from cxrphantom.reports import conclude
from cxrphantom.vendors import VENDORS, Vendor

FIRST_DAY = dt.date(2017, 1, 1)  # the source study's window
LAST_DAY = dt.date(2018, 7, 1)
BACKLOG_DAY = dt.date(2018, 9, 3)  # the night's studies: later than the cohort
OUTSIDE = 0.02  # studies outside the window
ABNORMAL = 0.5  # studies with a finding
BEDSIDE = 0.3  # studies with a mobile system


@dataclass(frozen=True)
class PlannedStudy:
    """One study, decided; rendering adds only pixels."""

    number: int  # unique within the cohort; seeds the films
    exam: Exam
    anatomy: int  # seed of the patient's body
    vendor: Vendor
    views: tuple[str, ...]  # one per image
    findings: tuple[Finding, ...]
    conclusion: str  # "" for no report
    misfit: str  # "" or a code of `misfits`
    folder: str  # films or backlog


def plan_studies(
    *, studies: int, backlog_studies: int, seed: int, bias: float
) -> list[PlannedStudy]:
    """Draw all studies, patients in order, several studies for some.

    Args:
        studies: regular studies of the cohort; misfit studies come on top.
        backlog_studies: the same for the backlog, whose patients are new.
        seed: the same seed gives the same plan.
        bias: probability that the vendor follows the label: a planted shortcut.
    """
    planned: list[PlannedStudy] = []
    for folder, count in (("films", studies), ("backlog", backlog_studies)):
        planned += _plan_folder(folder, count, len(planned), seed=seed, bias=bias)
    return planned


def _plan_folder(
    folder: str, count: int, first: int, *, seed: int, bias: float
) -> list[PlannedStudy]:
    stream = ("films", "backlog").index(folder)
    rng = np.random.default_rng([seed, 7, stream])
    planned: list[PlannedStudy] = []
    patient = 0
    while len(planned) < count:
        visits = int(rng.choice([1, 2, 3, 4], p=[0.74, 0.17, 0.06, 0.03]))
        visits = min(visits, count - len(planned))
        planned += _patient(
            rng, folder, patient, visits, first + len(planned), seed=seed, bias=bias
        )
        patient += 1
    alone = round(misfits.SHARE_ALONE * count) or int(count > 0)
    for kind in (misfits.ALONE * (alone // 2 + 1))[:alone]:
        number = first + len(planned)
        planned.append(_alone(rng, folder, patient, number, kind, seed=seed))
        patient += 1
    return planned


def _patient(
    rng: np.random.Generator,
    folder: str,
    patient: int,
    visits: int,
    number: int,
    *,
    seed: int,
    bias: float,
) -> list[PlannedStudy]:
    days = sorted(_day(rng, folder) for _ in range(visits))
    key = made_number(seed, folder, "patient", patient, digits=7)
    person = draw_person(rng, number=key, day=days[0])
    anatomy = int(rng.integers(2**31))
    studies = []
    for visit, day in enumerate(days):
        abnormal = rng.random() < ABNORMAL
        findings = draw_findings(rng) if abnormal else ()
        vendor = _vendor(rng, abnormal=abnormal, bias=bias)
        misfit = ""
        if rng.random() < misfits.SHARE:
            misfit = str(rng.choice(misfits.WITH_STUDY))
        if misfit == "for_processing" and vendor.modality != "DX":
            misfit = "duplicate"
        exam = _exam(rng, person, day, seed, (folder, patient, visit))
        studies.append(
            PlannedStudy(
                number=number + visit,
                exam=exam,
                anatomy=anatomy,
                vendor=vendor,
                views=_views(rng, vendor),
                findings=findings,
                conclusion=conclude(rng, findings),
                misfit=misfit,
                folder=folder,
            )
        )
    return studies


def _alone(
    rng: np.random.Generator,
    folder: str,
    patient: int,
    number: int,
    kind: str,
    *,
    seed: int,
) -> PlannedStudy:
    """Plan a study that is a misfit as a whole: a child, or no chest."""
    day = _day(rng, folder)
    key = made_number(seed, folder, "patient", patient, digits=7)
    person = draw_person(rng, number=key, day=day, child=kind == "child")
    exam = _exam(rng, person, day, seed, (folder, patient, 0), kind)
    return PlannedStudy(
        number=number,
        exam=exam,
        anatomy=int(rng.integers(2**31)),
        vendor=VENDORS[int(rng.integers(4))],
        views=("PA",),
        findings=(),
        conclusion="NSF" if kind == "child" else "",
        misfit=kind,
        folder=folder,
    )


def _exam(
    rng: np.random.Generator,
    person: Person,
    day: dt.date,
    seed: int,
    key: tuple[str, int, int],
    kind: str = "",
) -> Exam:
    return Exam(
        person=person,
        study_uid=made_uid(seed, "study", *key),
        accession="A" + made_number(seed, "accession", *key, digits=9),
        day=day,
        minute=int(rng.integers(0, 24 * 60)),
        description="Hand" if kind == "not_chest" else "Chest",
    )


def _day(rng: np.random.Generator, folder: str) -> dt.date:
    if folder == "backlog":
        return BACKLOG_DAY
    if rng.random() < OUTSIDE:
        return FIRST_DAY - dt.timedelta(days=int(rng.integers(1, 90)))
    return FIRST_DAY + dt.timedelta(days=int(rng.integers((LAST_DAY - FIRST_DAY).days)))


def _vendor(rng: np.random.Generator, *, abnormal: bool, bias: float) -> Vendor:
    bedside = rng.random() < BEDSIDE
    tied = rng.random() < bias
    choice = rng.random()
    if tied:
        return VENDORS[2] if abnormal else VENDORS[0]
    fitting = [vendor for vendor in VENDORS if vendor.bedside == bedside]
    return fitting[int(choice * len(fitting))]


def _views(rng: np.random.Generator, vendor: Vendor) -> tuple[str, ...]:
    front = "AP" if vendor.bedside else "PA"
    choice = rng.random()
    if vendor.bedside:
        return (front, front) if choice < 0.06 else (front,)
    if choice < 0.14:
        return (front, "LL")
    if choice < 0.19:
        return (front, front)
    return (front, front, "LL") if choice < 0.21 else (front,)
