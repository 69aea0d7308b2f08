import pytest

from cxrmlops.records.challenger import ChallengerComparison, PointAgreement
from cxrmlops.records.estimate import Estimate, in_words
from cxrmlops.reporting.challenger_page import challenger_text, write_page


def make_comparison(**quirks: object) -> ChallengerComparison:
    nothing = {
        "site": "Site <&>",
        "champion": "c" * 64,
        "challenger": "a" * 64,
        "since": "",
        "counts": {"waiting": 2},
        "n_both": 0,
        "n_only_champion": 0,
        "n_only_challenger": 0,
        "mean_absolute_difference": None,
        "largest_difference": None,
        "points": (),
        "n_reported": 0,
        "n_asf": 0,
        "n_nsf": 0,
        "why": "0 ASF and 0 NSF with a report, 20 of each are asked",
        "auc_champion": None,
        "auc_challenger": None,
        "auc_difference": None,
        "p": None,
        "unread_reports": (),
    }
    return ChallengerComparison(**nothing | quirks)


@pytest.fixture
def full() -> ChallengerComparison:
    figure = Estimate(value=0.91, low=0.85, high=0.95, n=60)
    return make_comparison(
        since="2024-01-31T02:00:00.000+00:00",
        n_both=70,
        n_only_champion=1,
        mean_absolute_difference=0.0321,
        largest_difference=0.4,
        points=(
            PointAgreement(
                point="high_sensitivity",
                both_asf=30,
                both_nsf=33,
                only_challenger_asf=4,
                only_champion_asf=3,
                kappa=None,
            ),
        ),
        n_reported=60,
        n_asf=30,
        n_nsf=30,
        why="",
        auc_champion=figure,
        auc_challenger=figure,
        auc_difference=Estimate(value=-0.01, low=-0.05, high=0.03, n=60),
        p=0.6,
        unread_reports=("report.csv has no column 'conclusion'",),
    )


def test_before_reports_arrive_the_comparison_says_not_assessed(tmp_path):
    found = make_comparison()

    write_page(tmp_path, found)

    page = (tmp_path / "challenger.html").read_text()
    assert "Not assessed: 0 ASF and 0 NSF with a report" in page
    assert "no study was answered by both" in page
    assert "Site &lt;&amp;&gt;" in page
    assert "nothing read yet" in challenger_text(found)
    assert "waiting 2, failed 0" in challenger_text(found)
    assert ChallengerComparison.read(tmp_path / "challenger.json") == found


def test_page_and_text_give_the_same_figures(tmp_path, full):
    write_page(tmp_path, full)

    page, text = (tmp_path / "challenger.html").read_text(), challenger_text(full)

    for words in ("-0.010 (-0.050 to 0.030), n = 60", "0.0321", "not assessed"):
        assert words in page
        assert words in text
    assert "high sensitivity: 7 answers differ" in text
    assert '<td class="num">7</td>' in page
    assert "not read: report.csv" in text


def test_a_figure_that_could_not_be_computed_is_no_zero():
    assert in_words(None) == "not assessed"
