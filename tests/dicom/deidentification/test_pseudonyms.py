"""Who is who stays hidden, and who is the same stays the same."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from cxrmlops.dicom.deidentification.pseudonyms import MOST_DAYS, Pseudonyms
from cxrmlops.dicom.identity import is_uid

NAMES = Pseudonyms.for_recipient(b"key", "a colleague")
OTHER = Pseudonyms.for_recipient(b"key", "another")
UIDS = st.from_regex(r"1\.2\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,20})", fullmatch=True)
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))


def days(shifted: str) -> dt.date:
    return dt.datetime.strptime(shifted, "%Y%m%d").date()


@given(UIDS, UIDS)
def test_equal_uids_stay_equal_and_others_stay_apart(one, other):
    assert (NAMES.uid(one) == NAMES.uid(other)) == (one == other)
    assert is_uid(NAMES.uid(one))
    assert NAMES.uid(one) not in (one, OTHER.uid(one))


def test_a_uid_of_the_standard_is_kept():
    assert NAMES.uid("1.2.840.10008.5.1.4.1.1.1") == "1.2.840.10008.5.1.4.1.1.1"
    assert NAMES.uid("") == ""


@given(DAYS, DAYS, st.text(min_size=1, max_size=16))
def test_days_between_dates_of_a_patient_hold(one, other, patient):
    first, second = NAMES.date(one, patient), NAMES.date(other, patient)

    assert days(second) - days(first) == other - one
    assert 1 <= (one - days(first)).days <= MOST_DAYS


@given(st.text(max_size=16), st.text(min_size=1, max_size=16))
def test_a_patient_of_another_issuer_or_recipient_is_another(issuer, number):
    patient = NAMES.patient(issuer, number, study_uid="1.2")

    assert patient == NAMES.patient(issuer, number, study_uid="1.3")
    assert patient != NAMES.patient(issuer + "x", number, study_uid="1.2")
    assert patient != OTHER.patient(issuer, number, study_uid="1.2")


def test_patients_without_a_number_are_joined_by_their_study_alone():
    assert NAMES.patient("", "", study_uid="1.2") == NAMES.patient(
        "", "", study_uid="1.2"
    )
    assert NAMES.patient("", "", study_uid="1.2") != NAMES.patient(
        "", "", study_uid="1.3"
    )


def test_a_recipient_is_the_same_however_it_is_typed():
    assert Pseudonyms.for_recipient(b"key", " A  Colleague") == NAMES
    assert Pseudonyms.for_recipient(b"other", "a colleague") != NAMES
