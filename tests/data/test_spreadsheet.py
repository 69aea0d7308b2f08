import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrmlops.data.spreadsheet import as_meant, defuse, to_csv

SIGNS = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")',
        "@SUM(A1)",
        "+1",
        "-1+cmd|' /C calc'!A0",
        "\t=cmd",
        "\r=1",
        "＝1",
    ],
)
def test_a_formula_becomes_text(text):
    assert defuse(text) == "'" + text.replace("\t=", "\t'=").replace("\r=", "\r'=")
    assert as_meant(defuse(text)) == text


def test_a_formula_behind_another_countrys_delimiter_becomes_text():
    assert defuse("mass;=1+1") == "mass;'=1+1"


@pytest.mark.parametrize("text", ["", "NSF", "mass|edema", "0.1234", "a-b", "1 = 1"])
def test_plain_text_stays(text):
    assert defuse(text) == text


@given(st.text(alphabet=SIGNS + "';,a ", max_size=12))
def test_whatever_is_written_is_read_back_and_begins_no_formula(text):
    safe = defuse(text)

    assert as_meant(safe) == text
    assert safe[:1] not in set(SIGNS)


def test_a_table_for_people_holds_no_formula():
    text = to_csv(("id", "codes", "reader"), [{"id": "a", "codes": "=1,2"}])

    assert list(csv.reader(io.StringIO(text))) == [
        ["id", "codes", "reader"],
        ["a", "'=1,2", ""],
    ]
