import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrmlops.data.sources.csv_table import (
    read_columns,
    read_csv,
    require_columns,
    require_single_lines,
)
from cxrmlops.system.errors import DataError


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


AS_EXPORTED = "accession,conclusion\n0012,NSF\n0013,ASF\n"


@pytest.mark.parametrize(
    "content",
    [
        b"sep=;\r\naccession;conclusion\r\n0012;NSF\r\n0013;ASF\r\n",
        b'"sep=;"\naccession;conclusion\n0012;NSF\n0013;ASF\n',
        b"sep=\t\naccession\tconclusion\n0012\tNSF\n0013\tASF\n",
        AS_EXPORTED.replace(",", "\t").encode("utf-16"),
        AS_EXPORTED.replace(",", "\t").encode("utf-16-le"),
        AS_EXPORTED.encode("utf-16-be"),
        AS_EXPORTED.encode("utf-8-sig"),
        b"\xfe\xff" + AS_EXPORTED.encode("utf-16-be"),
        AS_EXPORTED.replace(",", "|").encode(),
        AS_EXPORTED.replace(",", "\t").encode(),
        AS_EXPORTED.replace("\n", "\r").encode(),
        b"\n\r\n  \n" + AS_EXPORTED.encode(),
        b",,\n" + AS_EXPORTED.encode() + b",\n\n",
        AS_EXPORTED.replace("\n", "\n\n").encode(),
        gzip.compress(AS_EXPORTED.encode()),
    ],
    ids=[
        *("sep", "sep quoted", "sep tab", "utf-16", "utf-16 unmarked le"),
        *("utf-16 unmarked be", "utf-8 bom", "utf-16 be", "bars", "tabs", "cr"),
        *("leading empty lines", "leading empty fields", "empty lines", "gzip"),
    ],
)
def test_a_table_reads_the_same_whatever_program_saved_it(tmp_path, content):
    frame = table(tmp_path, content)

    assert frame.to_dict("list") == {
        "accession": ["0012", "0013"],
        "conclusion": ["NSF", "ASF"],
    }
    assert read_columns(tmp_path / "t.csv") == ["accession", "conclusion"]


def test_of_several_columns_that_are_there_twice_the_first_by_name_is_told(tmp_path):
    frame = table(tmp_path, b"b,b,a,a\n1,2,3,4\n")

    with pytest.raises(DataError, match="column 'a' is there twice"):
        require_columns(frame, ["b", "a"], where=tmp_path)


def test_a_row_knows_the_line_that_it_begins_in(tmp_path):
    frame = table(tmp_path, b'sep=,\n\na,b\n1,"two\nlines"\n\n3,4\n')

    assert frame.index.tolist() == [4, 7]
    assert frame.b.tolist() == ["two\nlines", "4"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'a,b\n1,2\n3,"4\n5,6\n', 3),
        (b'a,b\n1,2\n3,"4\n5,"6"\n', 3),
        (b'\n\na,b\n1,"2" x\n', 4),
        (b'a,b\n"1\n2",3\n4,"5\n', 4),
    ],
)
def test_a_stray_quote_is_named_by_the_line_of_its_record(tmp_path, content, line):
    with pytest.raises(DataError, match=rf"\(line {line}\): a quote .* no partner"):
        table(tmp_path, content)


def test_a_stray_quote_in_a_long_table_is_named_too(tmp_path):
    rows = b"".join(b"%d,text\n" % n for n in range(40_000))

    with pytest.raises(DataError, match=r"\(line 2\): a quote"):
        table(tmp_path, b'a,b\n0,"text\n' + rows)


def test_a_number_that_runs_over_lines_swallowed_rows(tmp_path):
    frame = table(tmp_path, b'a,b\n1,2\n"3,4\n5",6\n')

    with pytest.raises(DataError, match="'a' runs over several lines from line 3 on"):
        require_single_lines(frame, ["a", "b"], where=tmp_path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00", "an Excel workbook or another ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook of the old kind"),
        (b"<html><table>", "HTML or XML"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_what_only_bears_a_tables_name_is_called_what_it_is(tmp_path, content, kind):
    for read in (read_csv, read_columns):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(DataError, match=f"is {kind}, not a CSV table; save it as"):
            read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("nothing", "delimiter"),
    [
        (b"\x0b", b","),
        (b'""', b","),
        (b',"",\t', b","),
        (b"\x0c\r\n", b";"),
        (b"sep=:\n:\x0b:", b":"),
    ],
)
def test_lines_that_hold_nothing_are_no_heading(tmp_path, nothing, delimiter):
    with pytest.raises(DataError, match=r"is not a CSV table \(no columns\)"):
        table(tmp_path, nothing)

    rows = delimiter.join([b"id", b"age\n1"]) + delimiter + b"2\n"
    assert list(table(tmp_path, nothing + b"\n" + rows)) == ["id", "age"]


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
