import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.split_membership import (
    check_fitting_rows,
    check_no_leak,
    check_sides,
    split_hash,
)
from cxrmlops.system.errors import DataError, LeakError
from tests.make import make_splits


def test_a_leak_is_refused_by_name():
    patient = pd.Series(["P1", "P2", "P1"], dtype="string")
    split = pd.Series(["train", "val", "test"], dtype="string")

    with pytest.raises(LeakError, match=r"1 patient\(s\) in more than one .* \[P1\]"):
        check_no_leak(patient, split)


@pytest.mark.parametrize("column", ["patient_id", "group"])
def test_a_table_that_was_changed_is_refused(column):
    images = make_splits(patients=10)
    check_sides(images, policy="patient")
    images.loc[images.split == "test", column] = images[column].iloc[0]

    with pytest.raises(LeakError, match="1 patient"):
        check_sides(images, policy="patient")


def test_a_split_by_case_leaks_by_design():
    images = make_splits(patients=10).assign(patient_id="P1")

    check_sides(images, policy="case")


def test_the_hash_names_the_split_whatever_the_order_of_rows():
    ids = pd.Series(["a", "b"], dtype="string")
    split = pd.Series(["train", "val"], dtype="string")

    name = split_hash(ids, split)

    assert name == split_hash(ids[::-1], split[::-1])
    assert name != split_hash(ids, split[::-1].reset_index(drop=True))


def test_values_that_are_not_numbers_are_counted():
    values = np.array([0.5, np.nan, np.inf, 0.2, 0.3])

    with pytest.raises(DataError, match="val: 2 of 5 scores are not numbers"):
        check_fitting_rows(
            values, values > 0.25, ["val"] * 5, what="Bounds", measured="scores"
        )
