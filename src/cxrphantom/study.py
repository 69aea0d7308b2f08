"""One planned study -> its DICOM files and what should become of each."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxrphantom import misfits
from cxrphantom.headers import Shot
from cxrphantom.image import Picture, expose, make_image
from cxrphantom.people import made_uid
from cxrphantom.plan import FIRST_DAY, PlannedStudy
from cxrphantom.regions import region_rows
from cxrphantom.storage import encode
from cxrphantom.thorax import Traits, draw_traits

Row = dict[str, str]


@dataclass(frozen=True)
class WrittenStudy:
    """What was written of one study."""

    truth: list[Row]  # a row of truth.csv per file
    regions: list[Row]  # rows of regions.csv


MISFIT_NUMBER = 90  # of the extra film, within its study


def write_study(
    study: PlannedStudy, *, folder: Path, seed: int, side: int
) -> WrittenStudy:
    """Render and write all files of one study.

    Args:
        study: the plan.
        folder: gets `films/...` or `backlog/...`.
        seed: of the cohort.
        side: pixels of a square film's side.
    """
    rng = np.random.default_rng([seed, 11, study.number])
    traits = study_traits(study)
    home = f"{study.folder}/P{study.exam.person.number}/{study.exam.accession}"
    (folder / home).mkdir(parents=True)
    rows: list[Row] = []
    regions: list[Row] = []

    def write(number: int, shot: Shot, content: bytes, reason: str) -> None:
        path = f"{home}/IM{number:04d}.dcm"
        (folder / path).write_bytes(content)
        rows.append(_row(study, shot, path, reason))

    for number, view in enumerate(study.views, start=1):
        picture = _picture(study, traits, rng, view=view, side=side)
        shot = _shot(study, number, view, picture, seed=seed)
        content = _file(study, shot, picture)
        write(number, shot, content, _reason(study, view))
        if picture.planted is not None:
            regions += region_rows(str(shot.uid), picture.planted)
        if number == 1 and study.misfit in misfits.WITH_STUDY:
            write(MISFIT_NUMBER, *_misfit(study, shot, picture, content, rng))
    return WrittenStudy(rows, regions)


def study_traits(study: PlannedStudy) -> Traits:
    """Draw the patient's body: the same in all of the patient's studies."""
    person = study.exam.person
    rng = np.random.default_rng(study.anatomy)
    age = person.age(study.exam.day)
    traits = draw_traits(rng, sex=person.sex, age=max(age, 18.0))
    return shrink_to_child(traits, age) if age < 18 else traits


def shrink_to_child(traits: Traits, age: float) -> Traits:
    """Make a body small, for age in years below 18."""
    scale = 0.5 + 0.5 * age / 18
    changed = {
        name: getattr(traits, name) * scale
        for name in ("height", "breadth", "depth", "rib_gap", "rib_slope", "aorta")
    }
    changed |= {"heart": traits.heart * scale * 1.05, "fat": 8.0, "breast": 0.0}
    changed["mediastinum"] = traits.mediastinum * scale
    return replace(traits, **changed)


def _picture(
    study: PlannedStudy,
    traits: Traits,
    rng: np.random.Generator,
    *,
    view: str,
    side: int,
) -> Picture:
    if study.misfit == "not_chest":
        return misfits.hand(study.vendor, rng, side=side)
    return expose(traits, study.findings, study.vendor, rng, view=view, side=side)


def _shot(
    study: PlannedStudy, number: int, view: str, picture: Picture, *, seed: int
) -> Shot:
    return Shot(
        uid=made_uid(seed, "image", study.exam.study_uid, number),
        number=number,
        view=view,
        spacing=picture.spacing,
        body_part="HAND" if study.misfit == "not_chest" else "CHEST",
    )


def _file(study: PlannedStudy, shot: Shot, picture: Picture) -> bytes:
    dataset = make_image(picture, study.exam, shot, study.vendor)
    return encode(dataset, study.vendor.transfer_syntax)


def _misfit(
    study: PlannedStudy,
    first: Shot,
    picture: Picture,
    content: bytes,
    rng: np.random.Generator,
) -> tuple[Shot, bytes, str]:
    """Make the film that must be refused, from the study's first; with its reason."""
    kind = study.misfit
    if kind == "duplicate":
        return first, content, kind
    uid = made_uid(0, "misfit", first.uid)
    shot = replace(first, uid=uid, number=MISFIT_NUMBER, raw=kind == "for_processing")
    if kind == "blank":
        picture = misfits.blank_picture(picture, rng)
    if kind == "truncated":
        return shot, misfits.truncate(_file(study, shot, picture)), "undecodable"
    dataset = make_image(picture, study.exam, shot, study.vendor)
    if kind == "inverted":
        misfits.invert_tag(dataset)
    if kind == "not_cr_dx":
        misfits.disguise(dataset)
    return shot, encode(dataset, study.vendor.transfer_syntax), kind


def _reason(study: PlannedStudy, view: str) -> str:
    if study.misfit in misfits.ALONE:
        return study.misfit
    return "lateral" if view == "LL" else "included"


def _row(study: PlannedStudy, shot: Shot, path: str, reason: str) -> Row:
    return {
        "path": path,
        "sop_instance_uid": str(shot.uid),
        "study_instance_uid": str(study.exam.study_uid),
        "image": reason,
        "study": study_outcome(study),
        "abnormal": str(bool(study.findings)).lower(),
        "findings": "|".join(f"{f.code}:{f.severity:.2f}" for f in study.findings),
        "view": shot.view,
        "vendor": f"{study.vendor.manufacturer} {study.vendor.model}",
    }


def study_outcome(study: PlannedStudy) -> str:
    """Return what should become of a study as a whole."""
    if not study.conclusion:
        return "no_report"
    if study.folder == "films" and study.exam.day < FIRST_DAY:
        return "outside_window"
    if study.conclusion in ("uncertain", "disputed"):
        return study.conclusion
    return "reported"
