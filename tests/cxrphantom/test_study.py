from dataclasses import replace
from pathlib import Path

import pytest

from cxrmlops.dicom.read.acceptance import accept, accept_picture
from cxrmlops.dicom.read.headers import read_header
from cxrmlops.dicom.read.pixels import display_picture
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.reasons import REASONS
from cxrphantom import misfits
from cxrphantom.plan import PlannedStudy, plan_studies
from cxrphantom.study import study_traits, write_study
from cxrphantom.vendors import VENDORS

PLANNED = plan_studies(studies=120, backlog_studies=0, seed=1, bias=0)


def plain(number: int = 0) -> PlannedStudy:
    """Give a study of one front view, without a misfit."""
    singles = [s for s in PLANNED if len(s.views) == 1 and not s.misfit]
    return singles[number]


def outcome(path: Path) -> str:
    """Ask the line's own front end: "included", or its reason."""
    try:
        accept(read_header(path), chest_words=["CHEST"])
        accept_picture(display_picture(path).image)
    except Rejected as refusal:
        return refusal.reason
    return "included"


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda v: v.model)
def test_the_line_takes_every_vendors_image(vendor, tmp_path):
    view = "AP" if vendor.bedside else "PA"
    study = replace(plain(), vendor=vendor, views=(view,))

    rows = write_study(study, folder=tmp_path, seed=1, side=192).truth

    assert [outcome(tmp_path / row["path"]) for row in rows] == ["included"]


@pytest.mark.parametrize("kind", [*misfits.WITH_STUDY, *misfits.ALONE])
def test_the_line_refuses_every_misfit_for_its_reason(kind, tmp_path):
    planned = next((s for s in PLANNED if s.misfit == kind), plain())
    study = replace(planned, misfit=kind, vendor=VENDORS[0])

    rows = write_study(study, folder=tmp_path, seed=1, side=192).truth

    *_, misfit = rows
    assert misfit["image"] in REASONS
    if kind == "duplicate":
        files = [(tmp_path / row["path"]).read_bytes() for row in rows]
        assert files[0] == files[1]
    else:
        assert outcome(tmp_path / misfit["path"]) == misfit["image"]


def test_a_lateral_image_is_refused(tmp_path):
    study = replace(plain(), vendor=VENDORS[0], views=("PA", "LL"))

    rows = write_study(study, folder=tmp_path, seed=1, side=192).truth

    assert [outcome(tmp_path / row["path"]) for row in rows] == ["included", "lateral"]


@pytest.mark.parametrize("vendor", [VENDORS[0], VENDORS[3]], ids=lambda v: v.model)
def test_a_truncated_file_is_refused_whatever_its_encoding(vendor, tmp_path):
    study = replace(plain(), misfit="truncated", vendor=vendor)

    *_, row = write_study(study, folder=tmp_path, seed=1, side=192).truth

    assert outcome(tmp_path / row["path"]) == row["image"]


def test_a_patient_keeps_the_body_from_study_to_study():
    study = plain()
    later = replace(study, number=999, findings=())

    assert study_traits(study) == study_traits(later)


def test_a_child_is_smaller_than_an_adult():
    child = next(study for study in PLANNED if study.misfit == "child")

    assert study_traits(child).height < 0.95 * study_traits(plain()).height
    assert child.exam.person.age(child.exam.day) < 18
