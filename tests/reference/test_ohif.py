"""What a radiologist sees of our objects in a real OHIF, beside a real Orthanc."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from cxrmlops.data.backlog_image import list_backlog
from cxrmlops.records.tables import SCORED_IMAGES, SCORED_STUDIES
from cxrmlops.stages import report, score
from cxrphantom.reference import reference_datasets
from tests import make
from tests.conftest import needs
from tests.ohif import BROWSER, Viewer, serving
from tests.reference.report_tree import groups_of, name, numbers_of
from tests.stages.test_report import STARTED
from tests.stages.test_report import params as report_params
from tests.stages.test_score import params as score_params

pytestmark = pytest.mark.services

UNSUITED = "5"  # the first study as it would be without regard to OHIF
# study: probabilities of its films; () is a film that lies upside down
UID = "1.2.826.0.1.3680043.8.498."
STUDIES = {"1": (0.6061,), "2": (0.354,), "3": (0.12, 0.9), "4": ()}


@dataclass(frozen=True)
class Night:
    """Films and what was written about them, in an archive with a viewer."""

    address: str
    studies: dict[str, str]  # our number -> Study Instance UID
    pictures: Path  # where screenshots go


def images() -> list[pydicom.Dataset]:
    made = reference_datasets(6, side=512)
    del made[4]  # 16 bits stored: OHIF 3.13 shows no such film
    made[:2] = made[1::-1]  # the one with a nodule first
    numbers = [(study, n) for study, ps in STUDIES.items() for n in range(len(ps) or 1)]
    for image, (study, number) in zip(made, numbers, strict=True):
        image.StudyInstanceUID = UID + study
        image.SeriesInstanceUID = f"{image.StudyInstanceUID}.1"
        image.SOPInstanceUID = f"{image.SeriesInstanceUID}.{number + 1}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.InstanceNumber, image.AccessionNumber = number + 1, f"ACC{study}"
        image.PatientID, image.PatientName = f"OHIF{study}", f"Synthetic^Film {study}"
        image.StudyDate = "20260501"
    upside_down = made[-1].pixel_array[::-1].copy()
    made[-1].PixelData = upside_down.tobytes()
    return made


@pytest.fixture(scope="module")
def night(tmp_path_factory, _orthanc):
    folder = tmp_path_factory.mktemp("ohif")
    sources = images()
    for number, image in enumerate(sources):
        make.save_image(image, folder / f"films/{number}.dcm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_WORKERS", "0")
        score.run(
            paths=list_backlog(folder / "films"),
            bundle=make.make_reading_bundle(folder / "bundle", size=512),
            out=folder / "score",
            params=score_params(),
            scope=make.SCOPE,
            started=STARTED,
        )
        give_answers(folder / "score")
        report.run(
            score=folder / "score",
            out=folder / "report",
            params=report_params(fhir=False, picture_side=1024),
            site=make.make_site(folder),
        )
    uids = {str(f.AccessionNumber)[3:]: str(f.StudyInstanceUID) for f in sources}
    write_unsuited(folder, uids["1"])
    _orthanc.empty()
    for path in folder.rglob("*.dcm"):
        if path.parent.name in ("films", "report", "unsuited"):
            _orthanc.put(path)
    with serving(_orthanc) as address:
        yield Night(address, uids | {UNSUITED: UID + UNSUITED}, folder)


def give_answers(folder: Path) -> None:
    """Replace what an untrained network said; the evidence is a spot on the nodule."""
    images, studies = SCORED_IMAGES.read(folder), SCORED_STUDIES.read(folder)
    uids = studies.study_instance_uid.str.rsplit(".", n=1).str[1]
    for place, (uid, outcome) in enumerate(zip(uids, studies.outcome, strict=True)):
        assert (outcome == "scored") == bool(STUDIES[uid]), (uid, outcome)
        if STUDIES[uid]:
            studies.loc[place, "probability"] = max(STUDIES[uid])
            found = "ASF" if max(STUDIES[uid]) >= 0.5 else "NSF"
            studies.loc[place, "answer_balanced"] = found
    for place, row in images[images.outcome == "scored"].iterrows():
        study, number = row.sop_instance_uid.split(".")[-3::2]
        p = STUDIES[study][int(number) - 1]
        y, x = np.mgrid[0 : row.evidence_rows, 0 : row.evidence_columns]
        y, x = (y + 0.5) / row.evidence_rows, (x + 0.5) / row.evidence_columns
        spot = 8 * np.exp(-(((x - 0.3) / 0.08) ** 2) - ((y - 0.42) / 0.08) ** 2)
        images.at[place, "evidence"] = spot.astype("<f2").tobytes()
        images.loc[place, ["probability", "logit"]] = p, float(np.log(p / (1 - p)))
    SCORED_IMAGES.write(images, folder)
    SCORED_STUDIES.write(studies, folder)


def write_unsuited(folder: Path, study: str) -> None:
    """Write the first study again, with what suits OHIF undone."""
    for path in [*folder.glob("films/*.dcm"), *folder.glob("report/*.dcm")]:
        one = pydicom.dcmread(path)
        if study != one.StudyInstanceUID:
            continue
        if one.Modality == "SR":
            group = groups_of(one)[0]
            region = next(c for c in group.ContentSequence if c.ValueType == "SCOORD")
            left, top, right, bottom = np.array(region.GraphicData)[[0, 1, 8, 9]]
            corners = [left, top, right, top, right, bottom, left, bottom, left, top]
            region.GraphicData = [float(one) for one in corners]
            number = numbers_of(group)[0]
            group.ContentSequence.append(
                next(c for c in number.ContentSequence if name(c) == "363698007")
            )
        elif one.SOPClassUID == SecondaryCaptureImageStorage:
            one.Modality = "OT"
        make.save_image(renamed(one), folder / "unsuited" / path.name)


def renamed(one: pydicom.Dataset) -> pydicom.Dataset:
    """Give every UID of the study another end, as if it were another study's."""

    def rename(dataset: pydicom.Dataset, element: pydicom.DataElement) -> None:
        known = element.keyword.removeprefix("Referenced")
        if known in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            element.value = f"{element.value}.{UNSUITED}"

    one.walk(rename)
    one.StudyInstanceUID = UID + UNSUITED
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.PatientID, one.PatientName = "OHIF5", "Synthetic^Unsuited"
    return one


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # slow, and few tests need it

    needs("chromium", "chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(BROWSER)
        ) as opened,
    ):
        yield opened


@pytest.fixture
def viewer(browser, night):
    page = browser.new_page()
    yield Viewer(page, night.address)
    page.close()


def test_the_study_list_shows_studies_with_reports(viewer):
    listed = viewer.list_studies()

    assert all(f"Film {number}" in listed for number in STUDIES)
    assert listed.count("SR") >= len(STUDIES)


@pytest.mark.parametrize(
    ("study", "answer"),
    [
        ("1", "AI: ASF 61 %"),
        ("2", "AI: indeterminate 35 %"),
        ("3", "AI: ASF 90 %"),
        ("4", "AI: not evaluable"),
    ],
)
def test_the_series_begin_with_the_answer(viewer, night, study, answer):
    viewer.open_study(night.studies[study])

    captures, (told,) = viewer.series("CR", "DX"), viewer.series("SR")
    assert told.startswith(answer)
    assert any(one.startswith(answer) for one in captures)


def test_a_report_shows_its_number_beside_an_outline_on_the_image(viewer, night):
    viewer.open_study(night.studies["1"])
    viewer.open_series("report")

    ((lines, box),) = viewer.annotations()
    viewer.save_picture(night.pictures / "report.png")
    assert lines == [
        "Probability: 60.61 %",
        "Balanced threshold: 50.00 %",
        "High-sensitivity threshold: 20.00 %",
    ]
    assert viewer.viewport().holds(box)
    assert viewer.notice() == ""
    assert viewer.errors == []


def test_an_overlay_opens_without_a_cine_bar(viewer, night):
    viewer.open_study(night.studies["1"])
    viewer.open_series("map")

    viewer.save_picture(night.pictures / "overlay.png")
    assert "AI: ASF 61 %" in viewer.corner()
    assert not viewer.cine_is_shown()
    assert viewer.errors == []


def test_two_images_show_the_study_s_number_and_the_image_s_own(viewer, night):
    viewer.open_study(night.studies["3"])
    captures = [one for one in viewer.series("CR", "DX") if one.startswith("AI")]
    viewer.open_series("report")

    lines = [line for lines, _ in viewer.annotations() for line in lines]
    boxes = [box for _, box in viewer.annotations()]
    viewer.save_picture(night.pictures / "two_images.png")
    assert captures == ["AI: NSF 12 %", "AI: ASF 90 %, map"]  # in order of the films
    assert {"Probability: 90.00 %", "Probability of this image: 90.00 %"} < set(lines)
    assert all(map(viewer.viewport().holds, boxes))
    assert len(boxes) == 2
    assert not boxes[0].meets(boxes[1])
    assert viewer.errors == []


def test_a_study_that_was_not_evaluable_says_so_in_both_series(viewer, night):
    viewer.open_study(night.studies["4"])
    viewer.open_series("report")

    ((lines, box),) = viewer.annotations()
    assert lines == ["Images not evaluable: 100.00 %"]
    assert viewer.viewport().holds(box)
    viewer.open_series("AI: not evaluable")
    viewer.save_picture(night.pictures / "not_evaluable.png")
    assert "AI: not evaluable" in viewer.corner()
    assert not viewer.cine_is_shown()
    assert viewer.errors == []


def test_what_is_done_for_ohif_alone_is_still_needed(viewer, night):
    viewer.open_study(night.studies[UNSUITED])
    viewer.open_series("map")
    assert viewer.cine_is_shown()  # modality OT

    viewer.open_series("report")
    ((lines, _),) = viewer.annotations()
    assert "363698007: Chest" in lines  # finding site in the group
    assert "continue tracking" in viewer.notice()  # outline of four corners
