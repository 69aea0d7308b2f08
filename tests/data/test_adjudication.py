import csv

import pandas as pd
import pytest

from cxrmlops.data.adjudication import ASKED, read_decisions, require_none_lost, settle
from cxrmlops.records.tables import DECISIONS
from cxrmlops.system.errors import DataError

KNOWN = frozenset({"S1", "S2", "S3"})


def table(folder, *rows, name="a.csv", columns=ASKED):
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(study, decision, reader="A. Reader", **more):
    return {"study_id": study, "decision": decision, "reader": reader} | more


def test_decisions_of_several_readers_and_tables_are_one_row_a_study(tmp_path):
    one = table(tmp_path, row("S2", "asf"), row("S1", " NSF "), row("S3", ""))
    two = table(tmp_path, row("S2", "ASF", "B. Reader"), name="b.csv")

    found = read_decisions([one, two], KNOWN)

    assert found.to_dict("records") == [
        {"study_id": "S1", "decision": "NSF", "readers": 1},
        {"study_id": "S2", "decision": "ASF", "readers": 2},
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("S1", "NSF"), row("S9", "ASF")], r"1 row\(s\) name a study .*: a.csv:3"),
        ([row("S1", "maybe")], r"hold no decision \(NSF, ASF, uncertain\): a.csv:2"),
        ([row("S1", "NSF", "")], "have a decision but no reader: a.csv:2"),
        (
            [row("S1", "NSF"), row("S2", "NSF"), row("S1", "ASF", "B")],
            r"2 row\(s\) are of readers who disagree.*: a.csv:2, a.csv:4",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_and_its_rows_named(
    tmp_path, rows, message
):
    with pytest.raises(DataError, match=message):
        read_decisions([table(tmp_path, *rows)], KNOWN)


def test_a_table_without_a_needed_column_is_refused(tmp_path):
    path = table(tmp_path, columns=("study_id", "decision"))

    with pytest.raises(DataError, match=r"lacks the column\(s\) reader"):
        read_decisions([path], KNOWN)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"PK\x03\x04study")

    with pytest.raises(DataError, match="is an Excel workbook .* not a CSV table"):
        read_decisions([path], KNOWN)


def test_a_decision_stands_above_the_report_and_says_so():
    studies = pd.DataFrame(
        {"study_id": ["S1", "S2", "S3"], "conclusion": ["NSF", "disputed", "ASF"]},
        dtype="string",
    )
    said = [("S1", "uncertain"), ("S2", "ASF"), ("gone", "NSF")]
    decisions = DECISIONS.from_rows(
        [{"study_id": s, "decision": d, "readers": 1} for s, d in said]
    )

    found = settle(studies, decisions)

    assert found.conclusion.tolist() == ["uncertain", "ASF", "ASF"]
    assert found.label_source.tolist() == ["adjudicated", "adjudicated", "report"]


def test_without_decisions_every_label_is_the_reports():
    studies = pd.DataFrame({"study_id": ["S1"], "conclusion": ["NSF"]}, dtype="string")

    found = settle(studies, DECISIONS.empty())

    assert found.conclusion.tolist() == ["NSF"]
    assert found.label_source.tolist() == ["report"]


def test_a_table_saved_by_a_spreadsheet_of_another_country_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\nstudy_id;reader;decision\nS1;'-A. Reader;asf\n", "latin-1")

    found = read_decisions([path], KNOWN)

    assert found.to_dict("records") == [
        {"study_id": "S1", "decision": "ASF", "readers": 1}
    ]


def test_decisions_are_not_replaced_by_fewer(tmp_path):
    first = read_decisions([table(tmp_path, row("S1", "NSF"))], KNOWN)
    DECISIONS.write(first, tmp_path / "out")
    other = read_decisions([table(tmp_path, row("S2", "NSF"))], KNOWN)

    with pytest.raises(DataError, match="holds decisions on 1 studies that these"):
        require_none_lost(other, tmp_path / "out")
    require_none_lost(first, tmp_path / "out")
    require_none_lost(other, tmp_path / "new")


@pytest.mark.parametrize(("n", "end"), [(5, "a.csv:6;"), (6, r"a.csv:6 \.\.\.;")])
def test_five_rows_are_named_and_more_are_hinted_at(tmp_path, n, end):
    path = table(tmp_path, *[row("S1", "maybe")] * n)

    with pytest.raises(DataError, match=rf"{n} row\(s\) hold no .*, {end} correct"):
        read_decisions([path], KNOWN)
