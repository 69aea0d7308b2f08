import json
import os

import pandas as pd
import pytest

from cxrmlops.data.arrived_reports import conclusions, read_arrived
from cxrmlops.data.sources.rows import Namer
from cxrmlops.system.errors import DataError
from tests.make import SCOPE

NAMER = Namer(b"key")


def studies(*numbers: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study_id": [NAMER.name("study", f"1.2.{n}") for n in numbers],
            "accession_id": [NAMER.name("accession", f"A{n}") for n in numbers],
        }
    ).astype("string")


def put(path, text: str, *, at: int) -> None:
    path.write_text(text)
    os.utime(path, (at, at))


def said(folder, *numbers: int) -> list[str]:
    reports, _ = read_arrived(folder, NAMER, SCOPE)
    return conclusions(reports, studies(*numbers)).tolist()


def test_reports_meet_studies_by_uid_or_accession_number(tmp_path):
    put(tmp_path / "a.csv", "accession_number,conclusion\nA1,ASF\n", at=1)
    put(tmp_path / "b.csv", "study_instance_uid,conclusion\n1.2.2,nsf\n", at=2)

    assert said(tmp_path, 1, 2, 3) == ["ASF", "NSF", ""]


def test_the_newest_file_about_a_study_counts(tmp_path):
    put(tmp_path / "b.csv", "accession_number,conclusion\nA1,ASF\nA2,ASF\n", at=1)
    put(tmp_path / "a.csv", "accession_number,conclusion\nA1,NSF\n", at=2)

    assert said(tmp_path, 1, 2) == ["NSF", "ASF"]


def test_two_reports_of_one_file_that_disagree_are_disputed(tmp_path):
    put(tmp_path / "a.csv", "accession_number,conclusion\nA1,ASF\nA1,NSF\n", at=1)

    assert said(tmp_path, 1) == ["disputed"]


def test_fhir_lies_beside_tables(tmp_path):
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "imagingStudy": [{"identifier": {"value": "urn:oid:1.2.1"}}],
        "conclusionCode": [{"coding": [{"code": "ASF"}]}],
    }
    put(tmp_path / "a.json", json.dumps(report), at=1)

    assert said(tmp_path, 1) == ["ASF"]


def test_an_unread_file_is_told_and_stops_no_other(tmp_path):
    put(tmp_path / "a.csv", "accession_number,conclusion\nA1,ASF\n", at=1)
    put(tmp_path / "b.csv", "accession_number,conclusion\nA2,perhaps\n", at=2)

    reports, unread = read_arrived(tmp_path, NAMER, SCOPE)

    assert len(reports) == 1
    assert "'perhaps' 1 time(s)" in unread[0]


def test_an_empty_folder_gives_no_report(tmp_path):
    assert said(tmp_path, 1) == [""]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="arrived"):
        read_arrived(tmp_path / "none", NAMER, SCOPE)
