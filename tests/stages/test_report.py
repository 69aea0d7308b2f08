import datetime as dt
import hashlib
import json
import shutil
import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from cxrmlops.data.backlog_image import list_backlog
from cxrmlops.dicom.results.answers import ObjectReference
from cxrmlops.params import ReportParams, ScoreParams
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from cxrmlops.reporting.reading_list import join_reading_lists
from cxrmlops.stages import report, score
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import read_json, write_json
from tests.make import (
    SCOPE,
    make_lungs,
    make_readable_image,
    make_reading_bundle,
    make_site,
    save_image,
)

pytestmark = pytest.mark.integration

SR, SC = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7"
STARTED = dt.datetime(2026, 5, 2, 2, 30, tzinfo=dt.UTC)


def params(**quirks) -> ReportParams:
    values = {
        "comprehensive_3d": True,
        "picture_side": 256,
        "fhir": True,
        "max_wait_hours": 24,
        "audit_fraction": 0.0,
    }
    return ReportParams.model_validate(values | quirks)


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """Read a night: two films of study 1, study 2, a blank one, a lateral hip, a PNG.

    The rows are then given answers: study 1 is ASF by its second film, study 2 NSF.
    """
    folder = tmp_path_factory.mktemp("night")
    images = folder / "films"
    for number, study in ((1, "1"), (2, "1"), (3, "2")):
        save_image(make_readable_image(number, study=study), images / f"{number}.dcm")
    blank = make_readable_image(4, study="3")
    blank.PixelData = bytes(len(blank.PixelData))
    save_image(blank, images / "4.dcm")
    hip = make_readable_image(5, study="4", BodyPartExamined="HIP", ViewPosition="LL")
    save_image(hip, images / "5.dcm")
    Image.fromarray((make_lungs(seed=9) >> 4).astype(np.uint8)).save(images / "6.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_WORKERS", "0")
        score.run(
            paths=list_backlog(images),
            bundle=make_reading_bundle(folder / "bundle"),
            out=folder / "score",
            params=ScoreParams(
                accelerator="cpu",
                batch_size=8,
                chunk_studies=10,
                saliency_method="evidence",
                settle_minutes=0,
                window_days=1,
                fetch_studies=1,
            ),
            scope=SCOPE,
            started=STARTED,
        )
    _set_answers(
        folder / "score", probabilities=[0.2, 0.9, 0.1, 0.8], studies=[0.9, 0.1, 0.8]
    )
    return folder / "score"


def _set_answers(folder, *, probabilities, studies):
    images, answers = SCORED_IMAGES.read(folder), SCORED_STUDIES.read(folder)
    seen = images.outcome == "scored"
    logits = [float(np.log(p / (1 - p))) for p in probabilities]
    images.loc[seen, ["logit", "probability"]] = np.array([logits, probabilities]).T
    known = answers.outcome == "scored"
    answers.loc[known, "probability"] = studies
    answers.loc[known, "answer_balanced"] = ["ASF", "NSF", "ASF"]
    SCORED_IMAGES.write(images, folder)
    SCORED_STUDIES.write(answers, folder)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    monkeypatch.setenv("CXR_WORKERS", "0")


def write(score_folder, out, *, language="en", institution="", **options):
    settings = options.pop("params", params())
    report.run(
        score=score_folder,
        out=out,
        params=settings,
        site=make_site(out, language=language, institution=institution),
        **options,
    )
    return out


@pytest.fixture(scope="module")
def written(scored) -> Path:
    return write(scored, scored.parent / "report")


def objects(out, sop_class):
    found = [pydicom.dcmread(path) for path in sorted(out.glob("*.dcm"))]
    return [one for one in found if sop_class == one.SOPClassUID]


def digest(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def texts(folder):
    return {
        path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.json"))
    }


def text_of(sr):
    (group, *_) = next(
        item.ContentSequence
        for item in sr.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    return next(
        item.TextValue
        for item in group.ContentSequence
        if item.get("ConceptNameCodeSequence", [None])[0]
        and item.ConceptNameCodeSequence[0].CodeValue == "121106"
    )


def test_every_study_in_scope_gets_a_report_and_every_image_of_it_a_capture(written):
    reports, overlays = objects(written, SR), objects(written, SC)

    studies = sorted(one.AccessionNumber for one in reports)
    assert studies == ["ACC1", "ACC2", "ACC3"]  # 3: blank, not evaluable
    captured = sorted(one.AccessionNumber for one in overlays)
    assert captured == ["ACC1", "ACC1", "ACC2", "ACC3"]  # 3: a page of words
    for path in written.glob("*.dcm"):
        assert path.stem == pydicom.dcmread(path).SOPInstanceUID


def test_the_summary_says_answer_and_what_was_left_out(written):
    texts = {one.AccessionNumber: text_of(one) for one in objects(written, SR)}

    assert "ANY SIGNIFICANT FINDING SUSPECTED" in texts["ACC1"]
    assert "90.00 %" in texts["ACC1"]
    assert "2 images analysed" in texts["ACC1"]
    assert "NO SIGNIFICANT FINDING DETECTED" in texts["ACC2"]
    assert "NOT EVALUABLE. The film is blank" in texts["ACC3"]


def test_a_second_run_writes_nothing_new_and_a_fresh_one_the_same_bytes(
    written, scored, tmp_path
):
    before = {path: path.stat().st_mtime_ns for path in written.glob("*.dcm")}

    write(scored, written)
    fresh = write(scored, tmp_path / "report")

    assert {p: p.stat().st_mtime_ns for p in written.glob("*.dcm")} == before
    assert texts(fresh) == texts(written)
    assert digest(fresh) == digest(written)


def test_any_number_of_processes_writes_the_same_bytes(
    written, scored, tmp_path, monkeypatch
):
    monkeypatch.setenv("CXR_WORKERS", "2")

    assert digest(write(scored, tmp_path / "report")) == digest(written)


def test_an_object_that_is_there_stays_as_it_is(written, scored, tmp_path):
    out = tmp_path / "report"
    shutil.copytree(written, out)
    kept = sorted(out.glob("*.dcm"))[0]
    kept.write_bytes(b"the first result wins")

    write(scored, out)

    assert kept.read_bytes() == b"the first result wins"


def test_an_image_answered_nsf_shows_no_map(written):
    overlays = [one for one in objects(written, SC) if one.AccessionNumber != "ACC3"]

    shows_map = ["no overlay" not in one.DerivationDescription for one in overlays]
    accessions = [str(one.AccessionNumber) for one in overlays]
    assert sorted(zip(accessions, shows_map, strict=True)) == [
        ("ACC1", False),
        ("ACC1", True),
        ("ACC2", False),
    ]
    for one, shown in zip(overlays, shows_map, strict=True):
        pixels = one.pixel_array[-200:].astype(int)  # below the band
        coloured = bool(np.ptp(pixels, axis=2).max() > 0)
        assert coloured == shown


def test_a_study_that_was_not_evaluable_has_a_page_that_no_report_calls_a_map(written):
    (page,) = [one for one in objects(written, SC) if one.AccessionNumber == "ACC3"]
    evidence = [
        item.ReferencedSOPInstanceUID
        for report in objects(written, SR)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]

    assert page.SeriesDescription == "AI: not evaluable"
    assert page.Modality == "DX"
    assert page.pixel_array.shape == (480, 640, 3)
    assert np.ptp(page.pixel_array) > 0  # words
    assert page.SOPInstanceUID not in evidence


def test_a_png_image_gets_a_picture_and_no_report(written):
    (picture,) = written.glob("overlays/*.png")

    kinds = [one["kind"] for one in read_json(written / "objects.json")]
    with Image.open(picture) as opened:
        assert opened.mode == "RGB"
    assert kinds.count("picture") == 1


def test_objects_json_names_every_object(written):
    listed = {one["file"] for one in read_json(written / "objects.json")}

    made = {p.relative_to(written).as_posix() for p in written.rglob("*.dcm")}
    made |= {p.relative_to(written).as_posix() for p in written.glob("fhir/*.json")}
    made |= {p.relative_to(written).as_posix() for p in written.glob("overlays/*")}
    assert listed == made


def test_the_reading_list_shows_accession_and_date_and_nothing_else_of_the_patient(
    written,
):
    page = (written / "reading_list.html").read_text()

    assert "ACC1" in page
    assert "2024-05-01" in page
    for secret in ("SYN0001", "Synthetic", "1970", "1.2.826", "2.25.", ".dcm"):
        assert secret not in page


def test_the_reading_list_is_for_its_owner_only(written):
    for name in ("reading_list.html", "reading_list.json"):
        assert stat.S_IMODE((written / name).stat().st_mode) == 0o600


def test_the_reading_list_needs_no_network_and_its_pictures_are_there(written):
    page = (written / "reading_list.html").read_text()

    sources = {part.split('"')[0] for part in page.split('src="')[1:]}
    assert "http" not in page
    assert len(sources) == 6  # four films, two maps
    assert all((written / source).exists() for source in sources)


def test_the_reading_list_is_in_order_and_counts_everything(written):
    night = read_json(written / "reading_list.json")

    page = (written / "reading_list.html").read_text()
    places = [page.index(f'data-key="{name}"') for name in ("ACC1", "ACC3", "ACC2")]
    assert places == sorted(places)
    assert night["files"] == 6
    assert night["rejected"] == [["blank", 1], ["not_chest", 1]]


def test_a_study_that_waited_too_long_comes_first(scored, tmp_path):
    studies = SCORED_STUDIES.read(scored)
    uid = studies.study_instance_uid[studies.answer_balanced == "NSF"].item()
    since = {uid: STARTED - dt.timedelta(hours=25)}

    out = write(scored, tmp_path / "report", waiting_since=since)

    page = (out / "reading_list.html").read_text()
    assert page.index('data-key="ACC2"') < page.index('data-key="ACC1"')
    assert "waited longest" in page


def test_chunks_are_joined_into_one_list(written, scored, tmp_path):
    other = tmp_path / "chunk"
    shutil.copytree(written, other)
    content = read_json(other / "reading_list.json")
    for number, entry in enumerate(content["entries"]):
        entry["study_instance_uid"] = f"9.{number}"
    write_json(other / "reading_list.json", content)

    join_reading_lists([written, other], tmp_path / "night")

    page = (tmp_path / "night/reading_list.html").read_text()
    sources = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert read_json(tmp_path / "night/reading_list.json")["files"] == 12
    assert len(sources) == 12
    assert all((tmp_path / "night" / source).exists() for source in sources)


def test_joining_nothing_or_a_chunk_without_a_list_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing to join"):
        join_reading_lists([], tmp_path)
    with pytest.raises(DataError, match="stage 'report'"):
        join_reading_lists([tmp_path / "absent"], tmp_path)


def test_a_chinese_site_reads_chinese_where_the_image_can_hold_it(scored, tmp_path):
    out = write(scored, tmp_path / "report", language="zh", institution="医院")

    texts = [text_of(one) for one in objects(out, SR)]
    page = (out / "reading_list.html").read_text()
    (first, *_) = [json.loads(p.read_text()) for p in sorted(out.glob("fhir/*.json"))]
    assert all("AI结果" in text for text in texts)
    assert "AI阅片列表" in page
    assert "AI结果" in first["entry"][2]["resource"]["conclusion"]
    assert {one.InstitutionName for one in objects(out, SR)} == {"医院"}


def test_a_latin_image_gets_an_english_report_at_a_chinese_site(tmp_path, scored):
    image = make_readable_image(
        1, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg"
    )
    folder = tmp_path / "score"
    shutil.copytree(scored, folder)
    images, studies = SCORED_IMAGES.read(folder), SCORED_STUDIES.read(folder)
    save_image(image, folder / images.header[0])
    SCORED_IMAGES.write(images[:1], folder)
    SCORED_STUDIES.write(studies[:1], folder)

    out = write(folder, tmp_path / "report", language="zh", institution="医院")

    (sr,) = objects(out, SR)
    assert "AI RESULT" in text_of(sr)
    assert str(sr.PatientName) == "Müller^Jörg"
    assert "InstitutionName" not in sr


def test_a_new_report_names_the_one_it_replaces(scored, tmp_path):
    studies = SCORED_STUDIES.read(scored)
    old = ObjectReference("1.2", "1.2.3", SR, "1.2.3.4")
    known = {studies.study_instance_uid[0]: [old]}

    out = write(scored, tmp_path / "report", predecessors=known)

    named = [one for one in objects(out, SR) if "PredecessorDocumentsSequence" in one]
    assert [one.AccessionNumber for one in named] == ["ACC1"]


def test_the_switches_are_obeyed(scored, tmp_path):
    settings = params(comprehensive_3d=False, fhir=False)

    out = write(scored, tmp_path / "report", params=settings)

    assert not objects(out, SR)
    assert len(objects(out, "1.2.840.10008.5.1.4.1.1.88.33")) == 3
    assert not (out / "fhir").exists()


def test_a_header_that_is_gone_fails_its_study_only_and_loudly(scored, tmp_path):
    folder = tmp_path / "score"
    shutil.copytree(scored, folder)
    (folder / SCORED_IMAGES.read(folder).header[2]).unlink()

    with pytest.raises(DataError, match="1 of 5 studies have no report"):
        write(folder, tmp_path / "report")

    failures = read_json(tmp_path / "report/failures.json")
    assert list(failures.values()) == ["unreadable"]
    assert {one.AccessionNumber for one in objects(tmp_path / "report", SR)} == {
        "ACC1",
        "ACC3",
    }


def test_an_empty_night_has_an_empty_list(scored, tmp_path):
    folder = tmp_path / "score"
    folder.mkdir()
    SCORED_IMAGES.write(SCORED_IMAGES.empty(), folder)
    SCORED_STUDIES.write(SCORED_STUDIES.empty(), folder)
    shutil.copy(scored / "model.json", folder)

    out = write(folder, tmp_path / "report")

    assert "No study in this run" in (out / "reading_list.html").read_text()


def test_no_name_or_number_reaches_the_log(scored, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")

    write(scored, tmp_path / "report")

    said = caplog.text + "".join(capfd.readouterr())
    for secret in ("SYN0001", "Synthetic", "ACC1", "1.2.826", "19700101", ".dcm"):
        assert secret not in said
    assert "3 report" in said
