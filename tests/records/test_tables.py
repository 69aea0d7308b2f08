import pandas as pd
import pytest

from cxrmlops.records import tables
from cxrmlops.records.tables import FILE, IMAGES, INDEX, SPLITS, VALIDATED, Table
from cxrmlops.system.errors import DataError
from tests.make import make_images, make_index, make_splits, make_validated

ALL = [value for value in vars(tables).values() if isinstance(value, Table)]
SMALL = Table("small.parquet", {"name": "string", "n": "int64", "year": "Int64"})


def small(**changed) -> pd.DataFrame:
    row = {"name": "a", "n": 1, "year": None}
    return SMALL.from_rows([row]).assign(**changed)


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_an_empty_table_keeps_its_types_through_parquet(tmp_path, table):
    table.write(table.empty(), tmp_path)

    back = table.read(tmp_path)

    assert back.empty
    assert {k: str(v) for k, v in back.dtypes.items()} == table.columns


def test_what_is_written_is_what_is_read(tmp_path):
    frame = small(extra=[0.5])

    SMALL.write(frame, tmp_path)

    pd.testing.assert_frame_equal(SMALL.read(tmp_path), frame)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (small().drop(columns="n"), "column 'n' should be int64, found no such column"),
        (small(n="1"), "column 'n' should be int64, found str"),
        (small(n=1.0), "column 'n' should be int64, found float64"),
    ],
)
def test_a_broken_promise_is_named_on_both_sides(tmp_path, frame, sentence):
    with pytest.raises(DataError, match=f"small.parquet: {sentence}"):
        SMALL.write(frame, tmp_path)
    assert not list(tmp_path.iterdir())

    frame.to_parquet(tmp_path / SMALL.name)
    with pytest.raises(DataError, match=f"small.parquet: {sentence}"):
        SMALL.read(tmp_path)


def test_a_missing_table_names_the_stage_to_run(tmp_path):
    with pytest.raises(DataError, match=r"run the stage 'split' \(dvc repro\) first"):
        SMALL.read(tmp_path / "split")


def test_rows_without_a_column_are_refused():
    with pytest.raises(DataError, match=r"missing column\(s\) n, year"):
        SMALL.from_rows([{"name": "a"}])


def test_no_table_after_the_cohort_names_a_file():
    assert not set(FILE) & (set(VALIDATED.columns) | set(SPLITS.columns))


def test_later_tables_keep_the_columns_of_earlier_ones():
    kept = {name: kind for name, kind in IMAGES.columns.items() if name not in FILE}
    assert kept.items() <= VALIDATED.columns.items()
    assert VALIDATED.columns.items() <= SPLITS.columns.items()


def test_builders_of_the_tests_keep_the_promises():
    IMAGES.check(make_images())
    INDEX.check(make_index(make_images()))
    VALIDATED.check(make_validated())
    SPLITS.check(make_splits())
