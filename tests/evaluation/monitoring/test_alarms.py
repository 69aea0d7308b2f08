import re

import pytest

from cxrmlops.evaluation.monitoring.alarms import RUNBOOK, alarms_of
from tests.conftest import ROOT
from tests.make_records import make_month, make_shift, make_watch


def test_at_most_one_alarm_of_a_kind_names_the_surest_and_counts_the_rest():
    shifts = [make_shift(feature=f"f{i}", is_alarm=True) for i in range(5)]

    (alarm,) = alarms_of(make_watch(shifts=tuple(shifts)), 0.9, 0.8)

    assert alarm.kind == "picture"
    assert alarm.said.startswith("picture: f0 0.5 -> 0.6 in 14 days, n = 300")
    assert alarm.said.endswith("and 2 more")


def test_what_is_no_alarm_is_not_told():
    assert alarms_of(make_watch(shifts=(make_shift(is_alarm=False),)), 0.9, 0.8) == []


@pytest.mark.parametrize(("high", "n"), [(0.89, 1), (0.91, 0)])
def test_performance_is_an_alarm_if_its_whole_interval_lies_below(high, n):
    watch = make_watch(months=(make_month(auc=(0.85, 0.80, high)),))

    assert len(alarms_of(watch, 0.9, 0.8)) == n


def test_an_older_month_raises_no_alarm_any_more():
    bad = make_month(month="2026-01", auc=(0.6, 0.5, 0.7))
    watch = make_watch(months=(make_month(month="2026-02"), bad))

    assert alarms_of(watch, 0.9, 0.8) == []


def test_files_of_reports_that_were_not_read_are_an_alarm():
    (alarm,) = alarms_of(make_watch(unread_reports=("a.csv: no",)), 0.9, 0.8)

    assert alarm.said == "reports: 1 file(s) of reports were not read"


def test_every_kind_of_alarm_has_its_heading_in_the_runbook():
    page = (ROOT / "docs/how-to/watch.md").read_text()

    headings = set(re.findall(r"^### (.+)$", page, re.MULTILINE))
    assert headings == set(RUNBOOK.values())
