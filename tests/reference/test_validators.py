"""
What others say of our objects: dciodvfy, dsr2html, PixelMed. OHIF: test_ohif.py.

Every report and overlay of the real films, and of made-up studies for each thing a
report can say. What a validator may complain about stands in allowances.csv, with why.
"""

import csv
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from cxrmlops.data.backlog_image import list_backlog
from cxrmlops.dicom.read.headers import read_header
from cxrmlops.dicom.results.answers import ImageAnswer, ObjectReference, StudyAnswer
from cxrmlops.dicom.results.derived import save
from cxrmlops.dicom.results.secondary_capture import (
    OverlayPicture,
    build_secondary_capture,
)
from cxrmlops.dicom.results.structured_report import build_report
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.reporting.texts import summary, wording
from cxrmlops.stages import report, score
from cxrmlops.vocabulary.reasons import Kind, reason_kind
from tests import make
from tests.conftest import needs
from tests.reference.report_tree import Facts, departures
from tests.stages.test_report import STARTED
from tests.stages.test_report import params as report_params
from tests.stages.test_score import params as score_params

pytestmark = pytest.mark.services
HERE = Path(__file__).parent
PIXELMED = Path("/usr/share/java/pixelmed.jar")
PIXELMED_CASES = ("late_image", "not_evaluable", "comprehensive")  # 2 s each
MODEL = make.make_model_identity()
JAVA = (  # newer Java ends its XPath expressions early without these
    *("java", "-Djdk.xml.xpathTotalOpLimit=0", "-Djdk.xml.xpathExprOpLimit=0"),
    *("-Djdk.xml.xpathExprGrpLimit=0", "-cp", str(PIXELMED)),
)


@dataclass(frozen=True)
class Made:
    """Reports and overlays in a folder, and what each report is about."""

    folder: Path
    facts: dict[Path, Facts]

    @property
    def reports(self) -> list[Path]:
        return sorted(self.facts)

    @property
    def overlays(self) -> list[Path]:
        made = {
            path
            for path in self.folder.rglob("*.dcm")
            if path.parent.name != "images"  # headers of the sources
        }
        return sorted(made - set(self.facts))


# Made-up studies ---------------------------------------------------------------------


def plain(*probabilities: float, **options):
    return {"answer": make.make_study_answer(*probabilities), **options}


def of_image(*probabilities: float, **attributes: object):
    image = make.make_image(**attributes)
    return {"answer": make.make_study_answer(*probabilities, images=[image])}


def ordered() -> Dataset:
    """Build a film that knows its order and its procedure."""
    order, code = Dataset(), Dataset()
    order.RequestedProcedureID, order.ScheduledProcedureStepID = "RP1", "SPS1"
    code.CodeValue, code.CodingSchemeDesignator = "RPCXR", "99LOCAL"
    code.CodeMeaning = "Chest in two planes"
    image = make.make_image(RequestAttributesSequence=[order])
    image.ProcedureCodeSequence = [code]
    return image


OLD = ObjectReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.5")
NO_TYPE_2 = dict.fromkeys(
    ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")
    + ("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName", "Manufacturer")
)
CASES = {
    "abnormal": plain(0.873),
    "indeterminate": plain(0.1234),
    "normal": plain(0.0123),
    "on_the_threshold": plain(0.4137),
    "zero": plain(0.0),
    "one": plain(1.0),
    "not_evaluable": plain(),
    "not_evaluable_undecodable": {
        "answer": make.make_study_answer(reason="undecodable")
    },
    "two_images": plain(0.9, 0.2),
    "three_normal_images": plain(0.1, 0.2, 0.05),
    "late_image": plain(0.9, 0.2, predecessors=[OLD]),
    "comprehensive": plain(0.9, comprehensive_3d=False),
    "comprehensive_not_evaluable": plain(comprehensive_3d=False),
    "comprehensive_two_images": plain(0.9, 0.2, comprehensive_3d=False),
    "chinese": plain(0.9, 0.2, language="zh", institution="北京医院"),
    "chinese_not_evaluable": plain(language="zh"),
    "institution": plain(0.9, institution="North Hospital"),
    "latin_1": of_image(
        0.9, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg"
    ),
    "utf_8": of_image(0.9, PatientName="Wang^XiaoDong=王^小东"),
    "japanese": of_image(
        0.9,
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "unknown_character_set": of_image(
        0.9, SpecificCharacterSet="ISO_IR 999", PatientName="Mueller^Joerg"
    ),
    "no_type_2": of_image(0.9, **NO_TYPE_2),
    "no_library": of_image(0.9, PatientOrientation=None),
    "no_spacing": of_image(0.1, ImagerPixelSpacing=None),
    "lossy": of_image(
        0.9,
        LossyImageCompression="01",
        LossyImageCompressionRatio=12.5,
        LossyImageCompressionMethod="ISO_10918_1",
    ),
    "ordered": {"answer": make.make_study_answer(0.9, images=[ordered()])},
    "computed_radiography": of_image(
        0.9, SOPClassUID="1.2.840.10008.5.1.4.1.1.1", Modality="CR", ViewPosition="PA"
    ),
    "other_time_zone": of_image(0.9, TimezoneOffsetFromUTC="-0530"),
}


def write_case(folder: Path, case: dict) -> tuple[Path, Facts]:
    options = dict(case)
    answer, language = options.pop("answer"), options.pop("language", "en")
    captures = [overlay(image, answer) for image in answer.images]
    overlays = [] if answer.probability is None else captures
    made = build_report(
        answer,
        MODEL,
        wording=wording(language),
        comment=summary(answer, MODEL, left_out=["lateral"], language=language),
        overlays=overlays,
        **options,
    )
    folder.mkdir()
    for number, one in enumerate(captures):
        save(one, folder / f"overlay-{number}.dcm")
    save(made, folder / "report.dcm")
    return folder / "report.dcm", facts_of([f.source for f in answer.images], overlays)


def overlay(image: ImageAnswer, answer: StudyAnswer) -> Dataset:
    side = 0 if image.probability is None else 64  # 0: a page without film
    picture = OverlayPicture(np.zeros((80, 64, 3), np.uint8), side, side, bool(side))
    return build_secondary_capture(
        image, picture, analysed_at=answer.analysed_at, model=MODEL
    )


def facts_of(images: list[Dataset], overlays: list) -> Facts:
    spaced = [f for f in images if f.get("PatientOrientation") and _spacing(f)]
    return Facts(
        images=len(images),
        evaluable=bool(overlays),
        overlays=len(overlays),
        in_library=len(spaced),
    )


def _spacing(image: Dataset) -> bool:
    return bool(image.get("ImagerPixelSpacing"))


# Real films --------------------------------------------------------------------------


def alike(images: list[Path]) -> list[list[Path]]:
    """Part films so that none is a copy of another in its part."""
    parts: list[dict[tuple[str, str], Path]] = []
    for path in images:
        header = read_header(path)
        key = (header.get("StudyInstanceUID", ""), header.get("SOPInstanceUID", ""))
        part = next((one for one in parts if key not in one), None)
        if part is None:
            part = {}
            parts.append(part)
        part[key] = path
    return [list(part.values()) for part in parts]


def write_night(paths: list[Path], folder: Path, bundle: Path) -> dict[Path, Facts]:
    """Score films and write what a night writes; say what each report is about."""
    score.run(
        paths=paths,
        bundle=bundle,
        out=folder / "score",
        params=score_params(),
        scope=make.SCOPE,
        started=STARTED,
    )
    out = folder / "report"
    report.run(
        score=folder / "score",
        out=out,
        params=report_params(fhir=False),
        site=make.make_site(folder),
    )
    images = SCORED_IMAGES.read(folder / "score")
    found = {}
    for path in out.glob("*.dcm"):
        one = pydicom.dcmread(path)
        if one.Modality == "SR":
            rows = images[images.study_instance_uid == one.StudyInstanceUID]
            found[path] = _facts_of_rows(rows)
    return found


def _facts_of_rows(rows) -> Facts:
    scored = rows[rows.outcome == "scored"]
    in_vain = [reason_kind(why) is Kind.NOT_EVALUABLE for why in rows.reason if why]
    reported = scored if len(scored) else rows[in_vain]
    headers = [read_header(Path(path)) for path in reported.path]
    facts = facts_of(headers, list(scored.path))
    return replace(facts, images=len(reported), is_read=True)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("made-up")
    return Made(
        folder, dict(write_case(folder / name, case) for name, case in CASES.items())
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory, real_data) -> Made:
    """Everything that is written about the real films, re-encoded ones one by one."""
    folder = tmp_path_factory.mktemp("real")
    bundle = make.make_reading_bundle(folder / "bundle")
    images = list_backlog(real_data / "real_dicom")
    images.remove(real_data / "real_dicom/manifest.csv")
    facts: dict[Path, Facts] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_WORKERS", "0")
        for number, part in enumerate(alike(images)):
            facts |= write_night(part, folder / str(number), bundle)
    return Made(folder, facts)


@pytest.fixture(scope="module", params=["made_up", "real"])
def made(request) -> Made:
    return request.getfixturevalue(request.param)


# What they say -----------------------------------------------------------------------


@dataclass
class Allowances:
    """What a tool may complain about; each must be needed by some object."""

    patterns: dict[str, re.Pattern[str]]  # tool and number -> pattern
    used: set[str]

    def refuses(self, tool: str, said: str) -> bool:
        hits = {
            key
            for key, pattern in self.patterns.items()
            if key.startswith(tool) and pattern.search(said)
        }
        self.used |= hits
        return not hits


@pytest.fixture(scope="module")
def allowances() -> Iterator[Allowances]:
    with (HERE / "allowances.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["reason"] for row in rows)
    return Allowances(
        {f"{r['tool']} {n}": re.compile(r["pattern"]) for n, r in enumerate(rows)},
        set(),
    )


def test_there_is_an_object_for_every_image_that_can_be_read(made_up, real):
    assert len(made_up.reports) == len(CASES)
    assert len(real.reports) >= 35
    assert len(real.overlays) >= 30


def test_every_tree_has_each_row_exactly_when_it_should(made):
    found = {
        path.parent.name: departures(pydicom.dcmread(path), facts)
        for path, facts in made.facts.items()
    }

    assert {name: said for name, said in found.items() if said} == {}


def test_nobody_has_verified_any_report(made):
    for path in made.reports:
        one = pydicom.dcmread(path)
        flags = one.VerificationFlag, one.PreliminaryFlag, one.CompletionFlag
        assert flags == ("UNVERIFIED", "PRELIMINARY", "COMPLETE")


def test_dciodvfy_finds_no_error(made, allowances):
    needs("dciodvfy", "dicom3tools")
    found = []
    for path in [*made.reports, *made.overlays]:
        done = subprocess.run(
            ["dciodvfy", path], capture_output=True, text=True, check=False
        )
        found += [(path, line) for line in done.stderr.splitlines()]
    errors = [(path.name, s) for path, s in found if s.startswith("Error")]

    assert found
    assert [e for e in errors if allowances.refuses("dciodvfy", e[1])] == []


def test_dsr2html_renders_every_report_with_its_summary(made):
    needs("dsr2html", "dcmtk")
    for path in made.reports:
        done = subprocess.run(["dsr2html", path], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        summaries = b"AI RESULT", "AI结果".encode()
        assert any(summary in done.stdout for summary in summaries)


def pixelmed_errors(reports: list[Path]) -> list[str]:
    needs("java", "default-jre-headless")
    if not PIXELMED.exists():
        pytest.skip("PixelMed (Debian: libpixelmed-java) is not installed")
    done = subprocess.run(
        [*JAVA, HERE / "ValidateReports.java", *reports],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines.count("IOD validation complete") == len(reports)
    return [line for line in lines if line.startswith("Error")]


def test_pixelmed_finds_no_error(made_up, allowances):
    some = [p for p in made_up.reports if p.parent.name in PIXELMED_CASES]
    errors = pixelmed_errors(some)

    assert len(some) == len(PIXELMED_CASES)
    assert [e for e in errors if allowances.refuses("pixelmed", e)] == []


@pytest.mark.soak
def test_pixelmed_finds_no_error_in_any_report(made, allowances):
    errors = pixelmed_errors(made.reports)

    assert [e for e in errors if allowances.refuses("pixelmed", e)] == []


@pytest.mark.usefixtures("real_data")
def test_every_allowance_is_needed(allowances):
    if not allowances.used:
        pytest.skip("no validator is installed")

    assert set(allowances.patterns) == allowances.used
