import pytest

from cxrmlops.operations.redaction import MOST, redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("study 1.2.840.10008.5.1 failed", "study (UID) failed"),
        ("rows are wrong [MRN-17, MRN-18]", "rows are wrong [...]"),
        ("rows are wrong [MRN-17, MRN", "rows are wrong [...]"),
        ("patient 00471123 is there twice", "patient (number) is there twice"),
        ("/films/DOE^JANE/7.dcm is empty", "(file) is empty"),
        ("DOE^JANE^M was found", "(name) was found"),
    ],
)
def test_what_may_tell_of_a_patient_is_taken_out(text, kept):
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "in 14, scored 13, rejected 1, failed 0",
        "the archive at 192.168.100.200:11112 did not answer; nothing is lost",
        "no night began since 2026-03-09T02:14:07.113+00:00, for more than 26 hours",
        "AUC .91 (.88-.94), n = 2013; see data/score/7f3a.failed.txt",
    ],
)
def test_counts_times_and_addresses_of_machines_stay(text):
    assert redacted(text) == text


def test_what_is_too_long_is_cut():
    assert len(redacted("a " * MOST)) == MOST + 3
