"""What a file of ours says of where it comes from."""

import pytest

from cxrmlops.dicom.results.answers import PRODUCT
from cxrmlops.dicom.results.derived import save
from cxrmlops.dicom.results.provenance import read_provenance
from cxrmlops.system.errors import DataError
from tests.dicom.results.test_secondary_capture import MODEL, overlay
from tests.dicom.results.test_structured_report import build
from tests.make import make_readable_image, make_study_answer, save_image


def test_a_report_names_the_whole_bundle_that_read(tmp_path):
    report = build(make_study_answer(0.9))
    save(report, tmp_path / "report.dcm")

    told = read_provenance(tmp_path / "report.dcm")

    assert told.bundle_hash == MODEL.bundle_hash
    assert told.sop_instance_uid == report.SOPInstanceUID
    assert told.model_name == MODEL.name
    assert told.device_uid.startswith("2.25.")
    assert told.made_by.startswith(f"{PRODUCT} ")
    assert told.created.startswith("20260502 023000")


def test_a_report_names_the_precision_and_one_of_before_none(tmp_path):
    for precision in ("bf16", ""):
        model = MODEL.model_copy(update={"precision": precision})
        report = build(make_study_answer(0.9), model=model)
        save(report, tmp_path / "report.dcm")

        assert read_provenance(tmp_path / "report.dcm").precision == precision


def test_an_overlay_names_the_first_16_digits(tmp_path):
    save(overlay(), tmp_path / "overlay.dcm")

    assert read_provenance(tmp_path / "overlay.dcm").bundle_hash == "ab" * 8


def test_a_file_that_is_no_dicom_is_said_to_be_none(tmp_path):
    (tmp_path / "words.dcm").write_text("words")

    with pytest.raises(DataError, match="no DICOM that can be read .*name a report"):
        read_provenance(tmp_path / "words.dcm")


def test_an_image_is_not_of_our_making(tmp_path):
    path = save_image(make_readable_image(), tmp_path / "film.dcm")

    with pytest.raises(DataError, match=f"not made by {PRODUCT}"):
        read_provenance(path)
