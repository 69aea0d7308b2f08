import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrmlops.data.sources.csv_table import read_csv, require_columns
from cxrmlops.errors import DataError


def table(tmp_path, content: bytes):
    (tmp_path / "t.csv").write_bytes(content)
    return read_csv(tmp_path / "t.csv")


def test_everything_is_text(tmp_path):
    frame = table(tmp_path, b"a,b\n007,NA\n1.0,\n")

    assert frame.to_dict("list") == {"a": ["007", "1.0"], "b": ["NA", ""]}


def test_a_packed_table_reads_the_same(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a;b\n1;2\n"))

    assert read_csv(tmp_path / "t.csv.gz").equals(table(tmp_path, b"a,b\n1,2\n"))


def test_rows_longer_than_the_heading_do_not_shift_columns(tmp_path):
    with pytest.raises(DataError, match="more fields than the heading"):
        table(tmp_path, b"a,b\n1,2,3\n4,5,6\n")


def test_a_row_of_another_length_is_named_by_its_line(tmp_path):
    with pytest.raises(DataError, match=r"not a CSV table \(line 3\)"):
        table(tmp_path, b"a,b\n1,2\n3,4,5\n")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    frame = table(tmp_path, b"a,A\n1,2\n").rename(columns=str.casefold)

    with pytest.raises(DataError, match="column 'a' is there twice"):
        require_columns(frame, ["a"], where=tmp_path)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=60) | st.text(alphabet='ab,;"\t\n\r\0 1', max_size=40))
def test_whatever_the_bytes_it_is_a_table_or_one_sentence(tmp_path, content):
    raw = content if isinstance(content, bytes) else content.encode()
    said = ""
    try:
        table(tmp_path, raw)
    except DataError as refused:
        said = str(refused)

    assert "\n" not in said
