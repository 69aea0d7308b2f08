import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cxrmlops.model.training_patients import hashed_patient_ids


@given(st.lists(st.text(), unique=True))
def test_different_patients_have_different_marks(names):
    assert len(np.unique(hashed_patient_ids(names))) == len(names)


def test_a_mark_is_the_head_of_the_hash_so_every_machine_finds_the_same():
    # SHA-256 of "abc", FIPS 180-2 appendix B.1: ba7816bf 8f01cfea ...
    assert hashed_patient_ids(["abc"]).tolist() == [0xBA7816BF8F01CFEA]


def test_nobody_has_no_marks():
    assert hashed_patient_ids([]).shape == (0,)
