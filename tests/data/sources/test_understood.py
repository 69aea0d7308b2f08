import logging
from pathlib import Path

import pandas as pd
import pytest

from cxrmlops.data.sources.understood import require_understood, shown
from cxrmlops.system.errors import DataError

TABLE = Path("reports.csv")


def check(*values: str) -> None:
    lines = pd.RangeIndex(2, 2 + len(values))
    column = pd.Series(values, index=lines, name="Sex", dtype="string")
    require_understood(column, {"F", "M"}.__contains__, where=TABLE)


def test_a_column_of_known_and_empty_values_is_passed_over_in_silence(caplog):
    check("F", " M ", "", "  ")

    assert not caplog.records


def test_a_column_of_which_half_is_unknown_is_read_with_a_warning(caplog):
    caplog.set_level(logging.WARNING)

    check("", "F", "x", "M", "y12")

    assert "column 'Sex': 2 of 4 value(s) are not understood" in caplog.text
    assert "first in line 4 ('x')" in caplog.text


def test_a_column_of_which_more_than_half_is_unknown_is_refused():
    with pytest.raises(DataError, match="column 'Sex': 2 of 3 .* first in line 2"):
        check("x", "F", "y", "")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("id 4711", "'id 9999'"),
        ("a" * 24, f"'{'a' * 24}'"),
        ("a" * 25, "a text of 25 letters"),
        ("DOE^JANE", "a text of 8 letters"),
        ("a\nb", "a text of 3 letters"),
    ],
)
def test_nothing_that_could_be_a_name_a_number_or_a_report_is_shown(word, expected):
    assert shown(word) == expected
