import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrmlops.model.training_patients import (
    KnownPatients,
    check_no_training_overlap,
    hashed_patient_ids,
)
from cxrmlops.system.errors import LeakError


@given(st.lists(st.text(), unique=True))
def test_different_patients_have_different_marks(names):
    assert len(np.unique(hashed_patient_ids(names))) == len(names)


def test_a_mark_is_the_head_of_the_hash_so_every_machine_finds_the_same():
    # SHA-256 of "abc", FIPS 180-2 appendix B.1: ba7816bf 8f01cfea ...
    assert hashed_patient_ids(["abc"]).tolist() == [0xBA7816BF8F01CFEA]


def test_nobody_has_no_marks():
    assert hashed_patient_ids([]).shape == (0,)


def known(learnt: str, judged: str) -> KnownPatients:
    return KnownPatients(hashed_patient_ids(learnt), hashed_patient_ids(judged))


@pytest.mark.parametrize(
    ("learnt", "judged", "refused"),
    [
        ("abcvw", "vw", None),  # this split's own bundle
        ("abcvwz", "vw", None),  # which began with another
        ("", "", None),
        ("abcv", "v", "val"),  # a part of val: another split's
        ("abcvwx", "vwx", "val"),  # more than val
        ("abcvw", "", "val"),  # before format 5: nobody knows what for
        ("abcvw", "ab", "val"),
        ("vwt", "vw", "test"),
        ("vwt", "vwt", "test"),
        ("t", "", "test"),
    ],
)
def test_nobody_of_test_and_nobody_of_val_but_by_the_same_val_may_be_known(
    learnt, judged, refused
):
    def check():
        check_no_training_overlap(
            ["v", "w", "v"], ["t", "u"], known(learnt, judged), weights="first"
        )

    if refused is None:
        check()
        return
    with pytest.raises(LeakError, match=f"first was trained on .* split's {refused}"):
        check()
