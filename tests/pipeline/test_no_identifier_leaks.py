"""
Planted identifiers are found where reports need them, and nowhere else.

Films carry made-up names, numbers and dates that occur nowhere else; so do file names
and broken files. Then the whole line runs, talking as much as it can.
"""

import contextlib
import re
import sqlite3
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset

from cxrmlops.params import load_params
from cxrmlops.registry.record import complete_run
from cxrmlops.registry.tracking import find_or_make_run
from tests import make
from tests.pipeline.project import (
    STAGES,
    copy_code,
    make_project,
    run,
    run_in_one_process,
)

pytestmark = pytest.mark.slow

# In headers of films. A date of birth and a study date cannot be words.
HEADER = {
    "PatientName": "Canaryname^Tweety",
    "PatientID": "CANARY-ID-4711",
    "PatientBirthDate": "19430817",
    "AccessionNumber": "CANARYACC",
    "StudyDate": "20170613",
    "StudyID": "CANARYSTUDY",
    "OtherPatientIDs": "CANARY-OTHER",
    "PatientAddress": "Canary Lane 1",
    "PatientComments": "CANARYCOMMENT",
    "ReferringPhysicianName": "Canarydoctor^A",
    "StudyDescription": "CHEST CANARYDESCRIPTION",
}
FILE_NAME = "canaryfile"
UIDS = "1.2.826.0.1.3680043.8.498."
DATES = ("19430817", "1943-08-17", "20170613", "2017-06-13")
CANARY = re.compile(
    "|".join(["canary", "tweety", *DATES, re.escape(UIDS)]), re.IGNORECASE
)
PATIENTS = 40
# What rows of a night hold so that its results find the film and its reader the study.
IDENTIFIED = {"accession_number", "study_date", "path"}


@dataclass(frozen=True)
class Night:
    """A project after the whole line, and what it said."""

    folder: Path
    line: str
    score: str

    @property
    def results(self) -> Path:
        return self.folder / "results"


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Night:
    folder = make_project(
        tmp_path_factory.mktemp("project"),
        params={"split": {"near_duplicate_bits": 0}},
        films="raw/films",
        reports="raw/reports.csv",
        source="hospital",
    )
    write_archive(folder / "raw")
    own_code = copy_code(folder / "code")
    commands = [f"--verbose {stage}" for stage in STAGES]
    line = run_in_one_process(folder, *commands, **own_code)
    score = ("--verbose", "score", "raw/films", "--out", "results")
    said = run(folder, "cxrmlops", *score, **own_code)
    with contextlib.chdir(folder):
        complete_mlflow_run()
    return Night(folder, line, said)


def complete_mlflow_run() -> None:
    """Hand everything to MLflow that the training flow would."""
    settings = load_params().model_dump(mode="json", by_alias=True)
    run_id = find_or_make_run(settings, split=Path("data/split"))
    assert complete_run(run_id, settings=settings)


def write_archive(raw: Path) -> None:
    """Write a film for each patient, a table of reports, and files that are broken."""
    rows = ["study_instance_uid,accession_number,patient_id,study_date,conclusion"]
    for number in range(PATIENTS):
        image = planted(number)
        make.save_image(image, raw / f"films/{FILE_NAME}-{number}.dcm")
        rows.append(
            f"{image.StudyInstanceUID},{image.AccessionNumber},{image.PatientID},"
            f"2017-06-13,{'ASF' if number % 2 else 'NSF'}"
        )
    (raw / "reports.csv").write_text("\n".join(rows) + "\n")
    write_broken_files(raw / "films")


def planted(number: int) -> Dataset:
    numbered = {"PatientID", "AccessionNumber"}
    header = {
        name: f"{value}{number}" if name in numbered else value
        for name, value in HEADER.items()
    }
    image = make.make_readable_image(number, study=f"{number + 1}", **header)
    plant_in_odd_places(image)
    return image


def plant_in_odd_places(image: Dataset) -> None:
    """Hide names where nobody looks for them: sequences, private blocks, comments."""
    order, request = Dataset(), Dataset()
    request.RequestedProcedureDescription = "CANARYREQUEST"
    request.ScheduledProcedureStepDescription = "Tweety's chest"
    order.AccessionNumber, order.PatientID = "CANARYOTHERACC", "CANARY-INNER"
    image.RequestAttributesSequence = [request]
    image.ReferencedPatientSequence = [order]
    image.ImageComments, image.OtherPatientNames = "seen by CANARY", "Canary^Alias"
    image.OperatorsName, image.InstitutionName = "Canary^Operator", "CANARY HOSPITAL"
    image.PatientMotherBirthName = "Canary^Mother"
    block = image.private_block(0x0019, "CANARY VENDOR", create=True)
    block.add_new(0x01, "LO", "CANARY PRIVATE")
    block.add_new(0x02, "SQ", [order])
    image.file_meta.SourceApplicationEntityTitle = "CANARYAE"
    image.preamble = b"CANARYPREAMBLE".ljust(128, b"\0")


def write_broken_files(images: Path) -> None:
    """Write what makes a parser, a decoder or a check complain about a value."""
    changes: dict[str, tuple[bytes, bytes]] = {
        "no-number": (b"0.25\\0.25", b"CANARY\\77"),
        "no-date": (b"19430817", b"Tweety^^"),
        "not-utf8": (b"Canaryname", b"Canaryn\xe4me"),
        "other-charset": (b"ISO_IR 192", b"CANARYCSET"),
        "no-uid": (b"3680043.8.498.85.1", b"CANARY.UID.1.85.01"),
        "no-syntax": (b"1.2.840.10008.1.2.1\0", b"1.2.CANARY.99.1.2.3\0"),
        "no-grey": (b"MONOCHROME2 ", b"CANARYCHROME"),
    }
    for number, (name, (old, new)) in enumerate(changes.items(), start=80):
        path = make.save_image(planted(number), images / f"{FILE_NAME}-{name}.dcm")
        content = path.read_bytes()
        assert old in content
        assert len(old) == len(new)
        path.write_bytes(content.replace(old, new))
    good = make.save_image(planted(90), images / f"{FILE_NAME}-90.dcm").read_bytes()
    for name, length in ("cut", len(good) // 2), ("cut-header", good.index(b"-4711")):
        (images / f"{FILE_NAME}-{name}.dcm").write_bytes(good[:length])
    (images / f"{FILE_NAME}.txt").write_text("\n".join(HEADER.values()))
    hand = planted(91)
    hand.BodyPartExamined, hand.StudyDescription = "HAND", "HAND CANARY"
    make.save_image(hand, images / f"{FILE_NAME}-hand.dcm")
    words = PngImagePlugin.PngInfo()
    words.add_text("PatientName", HEADER["PatientName"])
    picture = Image.fromarray((make.make_lungs(seed=92) >> 4).astype("uint8"))
    picture.save(images / f"{FILE_NAME}.png", pnginfo=words)


def canaries(text: str) -> set[str]:
    return set(CANARY.findall(text))


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Give every file below `folder` that is no DICOM and no table, as text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".dcm", ".parquet"):
            name = path.relative_to(folder).as_posix()
            yield name, path.read_bytes().decode("latin-1")


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    for path in sorted(folder.rglob("*.parquet")):
        yield path.relative_to(folder).as_posix(), pd.read_parquet(path)


def words(frame: pd.DataFrame, *, but: set[str]) -> str:
    return frame.drop(columns=list(but & set(frame.columns))).to_csv()


def test_the_line_went_on_to_its_end(night):
    left = sorted(path.name for path in (night.folder / "data").iterdir())

    assert left == sorted([*STAGES, "local"])
    # the good film of number 90, three with a value that is none, and the picture
    assert f"{PATIENTS + 5} scored, 8 rejected" in night.score


def test_what_is_written_for_the_archive_keeps_the_patient(night):
    reports = [
        pydicom.dcmread(path) for path in (night.results / "report").glob("*.dcm")
    ]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one name is no UTF-8, and keeps its bytes
        names = {str(one.PatientName) for one in reports}
    assert names > {HEADER["PatientName"]}
    assert all(canaries(one.PatientID) for one in reports)


def test_no_log_line_names_anybody(night):
    assert canaries(night.line) == set()


def test_score_names_files_on_the_terminal_and_nothing_else(night):
    lines = night.score.splitlines()
    about_files = [line for line in lines if line.startswith(FILE_NAME)]
    others = "\n".join(line for line in lines if line not in about_files)

    assert len(about_files) == len(list((night.folder / "raw/films").iterdir()))
    assert canaries(others) == set()
    assert canaries("\n".join(line.partition(": ")[2] for line in about_files)) == set()


def test_no_table_of_the_line_names_anybody_but_where_the_cohort_found_an_image(night):
    for name, frame in tables(night.folder / "data"):
        found = {"path"} & set(frame.columns)
        assert not found or (name.startswith("local/") and canaries(frame.path[0]))
        assert canaries(words(frame, but=found)) == set(), name


def test_no_other_file_of_the_line_names_anybody(night):
    seen = dict(texts(night.folder / "data"))

    assert {"validate/docs/index.html", "evaluate/figures.json"} <= set(seen)
    for name, text in seen.items():
        assert canaries(text) == set(), name


def test_mlflow_names_nobody(night):
    with contextlib.closing(sqlite3.connect(night.folder / "mlflow.db")) as database:
        said = "\n".join(database.iterdump())

    assert "val_auc" in said
    assert canaries(said) == set()
    for name, text in texts(night.folder / "mlartifacts"):
        assert canaries(text) == set(), name


def test_no_file_or_folder_is_named_after_anybody(night):
    ours = [night.folder / name for name in ("data", "results", "mlartifacts", ".work")]
    made = [path.relative_to(night.folder) for o in ours for path in o.rglob("*")]

    assert made
    assert canaries("\n".join(map(str, made))) == set()


def test_rows_of_the_night_know_the_image_and_not_the_patient(night):
    for name, frame in tables(night.results):
        uids = {column for column in frame.columns if column.endswith("_uid")}
        assert canaries(words(frame, but=IDENTIFIED | uids)) == set(), name


def test_the_reading_list_shows_accession_and_study_date_only(night):
    page = (night.results / "report/reading_list.html").read_text()
    data = (night.results / "report/reading_list.json").read_text()

    assert {found.casefold() for found in canaries(page)} == {"canary", "2017-06-13"}
    both = re.sub(
        r"CANARYACC\d+|2017-?06-?13|\"2[.\d]+\"|" + UIDS + r"[.\d]+", "", page + data
    )
    assert canaries(both) == set()


def test_other_results_name_nobody(night):
    for name, text in texts(night.results):
        if not name.startswith(("report/fhir/", "report/reading_list")):
            found = canaries(re.sub(re.escape(UIDS) + r"[.\d]+", "", text))
            assert found == set(), name


def test_what_names_anybody_is_for_its_owner_alone(night):
    found = list(naming_files(night.folder, but={"raw", "code"}))

    assert {"studies.parquet", "reading_list.html"} <= {path.name for path in found}
    for path in found:
        assert path.stat().st_mode & 0o077 == 0, path
        assert path.parent.stat().st_mode & 0o077 == 0, path.parent


def naming_files(folder: Path, *, but: set[str]) -> Iterator[Path]:
    """Give every file of a project that a planted identifier stands in."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in but:
            table = path.suffix == ".parquet"
            frame = words(pd.read_parquet(path), but=set()) if table else ""
            if canaries(frame or path.read_bytes().decode("latin-1")):
                yield path
