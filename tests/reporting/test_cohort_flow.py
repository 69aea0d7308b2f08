from xml.etree import ElementTree

from cxrmlops.records.cohort import ReportedStudies
from cxrmlops.reporting.cohort_flow import draw_flow
from tests.make_records import make_cohort_summary

SUMMARY = {
    "name": "north <ward>",
    "looked_at": 1300,
    "excluded": {"lateral": 200, "no_report": 40, "disputed_label": 10},
    "included": 1050,
    "studies": 1000,
    "abnormal_studies": 400,
    "patients": 900,
    "reported_studies": ReportedStudies(
        looked_at=1100, excluded={"no_image": 90, "disputed_label": 10}, included=1000
    ),
}


def words(summary) -> list[str]:
    root = ElementTree.fromstring(draw_flow(make_cohort_summary(**summary)))
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_reason_and_count_is_drawn():
    drawn = words(SUMMARY)

    for reason, n in SUMMARY["excluded"].items():
        assert reason.replace("_", " ") in drawn
        assert str(n) in drawn
    assert {"1,300", "1,050", "600", "400", "1,100"} <= set(drawn)


def test_the_column_counts_down_to_the_cohort():
    drawn = words(SUMMARY)

    left = [n for n in drawn if n in ("1,300", "1,100", "1,060", "1,050")]
    assert left == ["1,300", "1,100", "1,060", "1,050", "1,100"]


def test_a_name_cannot_break_the_drawing():
    assert "Cohort: north <ward>" in words(SUMMARY)


def test_a_source_without_dates_says_so():
    drawn = words(SUMMARY | {"source": "nih", "window": None})

    assert "nih: the source has no study dates, no date window" in drawn


def test_a_cohort_without_exclusions_has_two_boxes():
    drawn = words(SUMMARY | {"excluded": {}, "included": 1300})

    assert "Excluded" not in drawn
    assert drawn.count("1,300") == 2


def test_the_same_counts_give_the_same_bytes():
    turned = dict(reversed(SUMMARY.items()))

    once, again = (make_cohort_summary(**each) for each in (SUMMARY, turned))

    assert draw_flow(once) == draw_flow(again)
