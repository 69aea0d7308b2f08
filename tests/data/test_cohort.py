import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.data.cohort import (
    EXCLUSIONS,
    INCLUDED,
    MISSPELT,
    STUDY_EXCLUSIONS,
    build_cohort,
    summarise,
)
from cxrmlops.records.cohort import ReportedStudies
from cxrmlops.records.tables import DECISIONS
from tests.data.rows import make_image_row, make_image_rows, make_report_rows

WINDOW = (dt.date(2017, 1, 1), dt.date(2018, 7, 1))
ABOUT = {
    "name": "north",
    "source": "hospital",
    "label_policy": "codes of the report",
    "window": WINDOW,
    "key_fingerprint": "9" * 16,
    "fingerprint": "8" * 64,
}


def build(candidates=None, reports=None, *, window=WINDOW):
    candidates = make_image_rows() if candidates is None else candidates
    reports = make_report_rows() if reports is None else reports
    return build_cohort(candidates, reports, source="north", window=window)


def outcome(candidate=None, *reports, window=WINDOW):
    candidates = make_image_rows(make_image_row("I1", **(candidate or {})))
    return build(
        candidates, make_report_rows(*reports), window=window
    ).candidates.outcome[0]


def test_a_good_image_with_a_report_is_in():
    images = build(reports=make_report_rows({"conclusion": "ASF", "findings": "mass"}))

    row = images.images.iloc[0]
    assert (row.abnormal, row.findings, row.year, row.source) == (
        True,
        "mass",
        2017,
        "north",
    )


@pytest.mark.parametrize(
    ("decision", "abnormal"), [("ASF", [True]), ("NSF", [False]), ("uncertain", [])]
)
def test_what_readers_settled_stands_above_the_report(decision, abnormal):
    row = {"study_id": "S1", "decision": decision, "readers": 2}
    reports = make_report_rows({"conclusion": "NSF"}, {"conclusion": "ASF"})
    cohort = build_cohort(
        make_image_rows(), reports, source="north", window=WINDOW,
        decisions=DECISIONS.from_rows([row]),
    )  # fmt: skip

    assert build(reports=reports).candidates.outcome[0] == "disputed_label"
    assert cohort.images.abnormal.tolist() == abnormal
    assert cohort.reports.label_source.tolist() == ["adjudicated"]
    assert summarise(cohort, **ABOUT).adjudicated_studies == 1
    if decision == "uncertain":
        assert cohort.candidates.outcome[0] == "uncertain_label"


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ({"rejected": "lateral"}, "lateral"),
        ({"study_id": ""}, "no_study_id"),
        ({"patient_id": "", "number_id": "", "has_issuer": False}, "no_patient_id"),
        ({"study_date": ""}, "no_study_date"),
        ({"study_date": "20161231"}, "outside_dates"),
        ({"study_date": "20170101"}, INCLUDED),
        ({"study_date": "20180701"}, INCLUDED),
        ({"study_date": "20180702"}, "outside_dates"),
        ({"study_id": "S2", "accession_id": ""}, "no_report"),
    ],
)
def test_an_image_leaves_at_the_first_question_it_fails(candidate, reason):
    assert outcome(candidate) == reason


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"conclusion": "uncertain"}, "uncertain_label"),
        ({"conclusion": "disputed"}, "disputed_label"),
        ({"number_id": "N2"}, "patient_mismatch"),
        ({"number_id": "N1"}, INCLUDED),
    ],
)
def test_a_report_decides_what_becomes_of_its_image(report, reason):
    assert outcome({}, report) == reason


def test_two_reports_that_differ_dispute_the_study():
    assert outcome({}, {}, {"conclusion": "ASF"}) == "disputed_label"


def test_a_source_without_dates_skips_the_window():
    cohort = build(make_image_rows(make_image_row("I1", study_date="")), window=None)

    assert list(cohort.candidates.outcome) == [INCLUDED]
    assert cohort.images.year.isna().all()


def test_an_image_without_date_takes_its_reports():
    assert outcome({"study_date": ""}, {"study_date": "20171231"}) == INCLUDED
    assert outcome({"study_date": ""}, {"study_date": "20191231"}) == "outside_dates"


def test_a_report_finds_its_study_by_accession_number():
    by_number = {"study_id": "", "accession_id": "A1"}

    assert outcome({}, by_number) == INCLUDED


def test_a_report_whose_uid_no_image_has_is_found_by_accession_number():
    assert outcome({}, {"study_id": "S9", "accession_id": "A1"}) == INCLUDED


def test_reports_by_uid_and_by_accession_number_are_of_one_study():
    by_number = {"study_id": "", "accession_id": "A1", "conclusion": "ASF"}

    assert outcome({}, {}, by_number) == "disputed_label"


def test_an_accession_number_of_two_patients_labels_neither():
    candidates = make_image_rows(
        make_image_row("I1"),
        make_image_row("I2", study_id="S2", patient_id="P2", number_id="N2"),
    )

    cohort = build(candidates, make_report_rows({"study_id": "", "accession_id": "A1"}))

    assert list(cohort.candidates.outcome) == ["patient_mismatch"] * 2


def test_a_study_that_names_two_patients_is_out():
    candidates = make_image_rows(
        make_image_row("I1"), make_image_row("I2", patient_id="P2", number_id="N2")
    )

    assert set(build(candidates).candidates.outcome) == {"patient_mismatch"}


def test_the_same_image_twice_is_in_once():
    copy = make_image_row("I1") | {"path": "copy.dcm"}

    cohort = build(make_image_rows(make_image_row("I1"), copy))

    assert list(cohort.candidates.outcome) == [INCLUDED, "duplicate"]
    assert len(cohort.images) == 1


def test_a_rejected_copy_does_not_push_out_the_good_one():
    broken = make_image_row("I1", rejected="unreadable") | {"path": "A.dcm"}

    cohort = build(make_image_rows(broken, make_image_row("I1")))

    assert list(cohort.candidates.outcome) == ["unreadable", INCLUDED]


def test_a_device_that_leaves_the_issuer_out_makes_no_second_patient():
    bare = {"patient_id": "P1-bare", "has_issuer": False}
    candidates = make_image_rows(
        make_image_row("I1"), make_image_row("I2", study_id="S2", **bare)
    )

    cohort = build(candidates, make_report_rows({}, {"study_id": "S2"}))

    assert list(cohort.candidates.outcome) == [INCLUDED, INCLUDED]
    assert set(cohort.images.patient_id) == {"P1"}


def test_a_number_of_two_issuers_is_two_patients_and_without_issuer_none():
    candidates = make_image_rows(
        make_image_row("I1"),
        make_image_row("I2", study_id="S2", patient_id="P2"),
        make_image_row("I3", study_id="S3", patient_id="P3", has_issuer=False),
    )
    reports = make_report_rows({}, {"study_id": "S2"}, {"study_id": "S3"})

    cohort = build(candidates, reports)

    assert list(cohort.candidates.outcome) == [INCLUDED, INCLUDED, "ambiguous_patient"]
    assert set(cohort.images.patient_id) == {"P1", "P2"}


def test_a_reported_study_without_images_is_counted():
    cohort = build(reports=make_report_rows({}, {"study_id": "S2"}))

    assert summarise(cohort, **ABOUT).reported_studies == ReportedStudies(
        looked_at=2, excluded={"no_image": 1}, included=1
    )


def test_a_study_without_accepted_image_is_counted():
    candidates = make_image_rows(make_image_row("I1", rejected="lateral"))

    assert list(build(candidates).reports.outcome) == ["no_accepted_image"]


def test_a_study_gets_as_far_as_its_best_image():
    candidates = make_image_rows(
        make_image_row("I1", rejected="lateral"),
        make_image_row("I2", study_date="20190101"),
    )

    assert list(build(candidates).reports.outcome) == ["outside_dates"]


images_of_any_kind = st.lists(
    st.fixed_dictionaries(
        {
            "image": st.sampled_from(["I1", "I2", "I3", "I4"]),
            "study_id": st.sampled_from(["", "S1", "S2"]),
            "accession_id": st.sampled_from(["", "A1"]),
            "number": st.sampled_from(["", "N1", "N2"]),
            "has_issuer": st.booleans(),
            "study_date": st.sampled_from(["", "20160101", "20170601"]),
            "rejected": st.sampled_from(["", "", "", "lateral", "not_listed"]),
        }
    ),
    max_size=8,
)
reports_of_any_kind = st.lists(
    st.fixed_dictionaries(
        {
            "study_id": st.sampled_from(["", "S1", "S2", "S3"]),
            "accession_id": st.sampled_from(["A1", "A2"]),
            "number_id": st.sampled_from(["", "N1", "N2"]),
            "study_date": st.sampled_from(["", "20170601"]),
            "conclusion": st.sampled_from(["NSF", "ASF", "uncertain", "disputed"]),
        }
    ),
    max_size=5,
)


def tables(candidates, reports):
    rows = []
    for at, candidate in enumerate(candidates):
        image, number = candidate["image"], candidate["number"]
        patient = f"P{number}{candidate['has_issuer']}" if number else ""
        quirks = {k: v for k, v in candidate.items() if k not in ("image", "number")}
        quirks |= {"patient_id": patient, "number_id": number}
        rows.append(make_image_row(image, **quirks) | {"path": f"{at}.dcm"})
    image_rows = make_image_rows(*rows) if rows else make_image_rows().iloc[:0]
    report_rows = make_report_rows(*reports) if reports else make_report_rows().iloc[:0]
    return image_rows, report_rows


@settings(deadline=None, max_examples=20)
@given(images_of_any_kind, reports_of_any_kind, st.booleans())
def test_what_went_in_is_included_or_excluded_for_one_known_reason(
    candidates, reports, dated
):
    image_rows, report_rows = tables(candidates, reports)

    cohort = build(image_rows, report_rows, window=WINDOW if dated else None)

    summary = summarise(cohort, **ABOUT)
    assert summary.looked_at == len(candidates)
    assert len(candidates) == summary.included + sum(summary.excluded.values())
    assert set(summary.excluded) <= set(EXCLUSIONS)
    studies = summary.reported_studies
    assert studies.looked_at == studies.included + sum(studies.excluded.values())
    assert set(studies.excluded) <= set(STUDY_EXCLUSIONS | EXCLUSIONS)


@settings(deadline=None, max_examples=20)
@given(images_of_any_kind, reports_of_any_kind)
def test_who_is_in_has_one_label_one_patient_and_a_date_in_the_window(
    candidates, reports
):
    cohort = build(*tables(candidates, reports))

    images = cohort.images
    assert images.image_id.is_unique
    assert (images.groupby("study_id").patient_id.nunique() == 1).all()
    assert (images.groupby("study_id").abnormal.nunique() == 1).all()
    assert set(images.year) <= {2017}
    in_reports = cohort.reports[cohort.reports.outcome == INCLUDED]
    assert set(images.study_id) == set(in_reports.study_id)
    assert set(in_reports.conclusion) <= {"NSF", "ASF"}


@settings(deadline=None, max_examples=20)
@given(images_of_any_kind, reports_of_any_kind, st.randoms())
def test_the_order_of_files_and_reports_changes_nothing(candidates, reports, random):
    image_rows, report_rows = tables(candidates, reports)
    seed = random.randrange(1000)

    one = build(image_rows, report_rows)
    other = build(
        image_rows.sample(frac=1, random_state=seed),
        report_rows.sample(frac=1, random_state=seed),
    )

    for name in ("candidates", "images", "reports"):
        pd.testing.assert_frame_equal(
            getattr(one, name).reset_index(drop=True),
            getattr(other, name).reset_index(drop=True),
        )


def test_a_patient_named_in_other_letter_case_is_set_aside_and_said():
    candidates = make_image_rows(make_image_row("I1", loose_number_id="L1"))
    reports = make_report_rows({"number_id": "n1", "loose_number_id": "L1"})
    other = make_report_rows({"number_id": "n2", "loose_number_id": "L2"})

    said = build(candidates, reports).candidates.iloc[0]

    assert (said.outcome, said.detail) == ("patient_mismatch", MISSPELT)
    assert build(candidates, other).candidates.detail[0] == ""
