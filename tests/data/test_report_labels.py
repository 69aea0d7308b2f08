import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.data.report_labels import (
    Conclusion,
    label_studies,
    read_conclusions,
    split_codes,
)
from cxrmlops.system.errors import DataError

WHERE = "reports.csv: column 'conclusion'"


def words(*values: str) -> pd.Series:
    return pd.Series(values, dtype="string")


def reports(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["study_id", "conclusion", "findings"])
    return frame.assign(codes=frame.findings).astype("string")


def test_case_and_spaces_of_a_conclusion_do_not_matter():
    said = words(" nsf", "Asf ", "UNCERTAIN", "disputed")

    assert list(read_conclusions(said, where=WHERE)) == list(Conclusion)


def test_an_unknown_word_is_named_with_its_column_and_count():
    said = words("NSF", "normal", "Normal ", "??")

    with pytest.raises(DataError) as refused:
        read_conclusions(said, where=WHERE)

    assert str(refused.value) == (
        "reports.csv: column 'conclusion': 3 of 4 row(s) hold a word that is no "
        "conclusion ('??' 1 time(s), 'normal' 2 time(s)); write NSF, ASF, uncertain, "
        "disputed instead"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Mr Tweety Canary has a nodule in the left upper lobe",
        "CANARY^TWEETY",
        "19670401",
    ],
)
def test_what_may_be_a_patient_is_never_shown(text):
    with pytest.raises(DataError, match=f"a text of {len(text)} letters") as refused:
        read_conclusions(words(text), where=WHERE)

    assert text.casefold() not in str(refused.value).casefold()


def test_an_empty_cell_is_no_conclusion():
    with pytest.raises(DataError, match=r"\(empty 1 time\(s\)\)"):
        read_conclusions(words("NSF", " "), where=WHERE)


def test_reports_that_agree_are_one_label_with_all_their_findings():
    labels = label_studies(reports(("S", "ASF", "mass|edema"), ("S", "ASF", "mass")))

    assert labels.to_dict("records") == [
        {
            "study_id": "S",
            "conclusion": "ASF",
            "findings": "edema|mass",
            "codes": "edema|mass",
        }
    ]


@pytest.mark.parametrize("other", ["ASF", "uncertain", "disputed"])
def test_reports_that_differ_make_the_study_disputed(other):
    labels = label_studies(reports(("S", "NSF", ""), ("S", other, "")))

    assert list(labels.conclusion) == ["disputed"]


def test_no_report_gives_no_label():
    assert label_studies(reports()).empty


rows = st.lists(
    st.tuples(
        st.sampled_from(["S1", "S2", "S3"]),
        st.sampled_from([c.value for c in Conclusion]),
        st.sampled_from(["", "mass", "mass|edema"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(rows, st.randoms())
def test_every_reported_study_gets_one_label_whatever_the_order(given_rows, random):
    shuffled = random.sample(given_rows, len(given_rows))

    labels = label_studies(reports(*given_rows))

    assert sorted(labels.study_id) == sorted({study for study, *_ in given_rows})
    pd.testing.assert_frame_equal(labels, label_studies(reports(*shuffled)))


@settings(deadline=None, max_examples=40)
@given(rows)
def test_a_label_is_only_given_where_all_reports_say_it(given_rows):
    labels = label_studies(reports(*given_rows)).set_index("study_id").conclusion

    for study, label in labels.items():
        said = {conclusion for name, conclusion, _ in given_rows if name == study}
        assert said == {label} if len(said) == 1 else label == "disputed"


def test_codes_lose_blanks_and_repeats():
    assert split_codes(" mass | |edema|mass") == ["edema", "mass"]
