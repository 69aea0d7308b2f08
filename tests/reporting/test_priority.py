import datetime as dt

import pytest

from cxrmlops.reporting.priority import Waiting, Why, order
from cxrmlops.vocabulary.findings import Finding

NOW = dt.datetime(2026, 5, 2, 2, 30, tzinfo=dt.UTC)


def asf(uid, probability):
    return Waiting(uid, probability, Finding.ASF)


def nsf(uid, probability):
    return Waiting(uid, probability, Finding.NSF)


def uids(places):
    return [place.study_instance_uid for place in places]


def ordered(studies, *, waiting_since=None, audit_fraction=0.0, seed=""):
    return order(
        studies,
        waiting_since=waiting_since or {},
        now=NOW,
        max_wait_hours=24,
        audit_fraction=audit_fraction,
        seed=seed,
    )


def test_the_highest_score_is_read_first_and_the_unknown_before_the_normal():
    unknown = Waiting("unknown", None, None)

    places = ordered([nsf("low", 0.1), unknown, asf("mid", 0.6), asf("high", 0.9)])

    assert uids(places) == ["high", "mid", "unknown", "low"]
    assert [p.rank for p in places] == [1, 2, 3, 4]
    assert places[2].why is Why.NOT_EVALUABLE


def test_no_study_waits_longer_than_the_limit_whatever_its_score():
    since = {
        "old": NOW - dt.timedelta(hours=30),
        "older": NOW - dt.timedelta(hours=40),
        "fresh": NOW - dt.timedelta(hours=24),
    }
    studies = [asf("high", 0.99), nsf("old", 0.2), nsf("older", 0.1), nsf("fresh", 0.3)]

    places = ordered(studies, waiting_since=since)

    assert uids(places) == ["older", "old", "high", "fresh"]
    assert [p.why for p in places[:3]] == [Why.OVERDUE, Why.OVERDUE, Why.SCORE]


def test_the_audit_sample_has_the_size_asked_for_and_holds_only_nsf():
    studies = [nsf(f"n{k}", 0.1) for k in range(4000)]
    studies += [asf(f"a{k}", 0.9) for k in range(100)]

    audit = [p for p in ordered(studies, audit_fraction=0.05) if p.audit]

    assert 150 < len(audit) < 250
    assert all(p.study_instance_uid.startswith("n") for p in audit)


def test_the_audit_sample_does_not_depend_on_the_rest_of_the_night():
    studies = [nsf(f"n{k}", 0.1) for k in range(300)]

    whole, part = (
        {p.study_instance_uid for p in ordered(s, audit_fraction=0.1) if p.audit}
        for s in (studies, studies[:100])
    )
    other = {
        p.study_instance_uid for p in ordered(studies, audit_fraction=0.1, seed="2")
    }

    assert part == {uid for uid in whole if int(uid[1:]) < 100}
    assert other


@pytest.mark.parametrize(("fraction", "drawn"), [(0.0, 0), (1.0, 50)])
def test_none_and_all_can_be_drawn(fraction, drawn):
    places = ordered([nsf(f"n{k}", 0.1) for k in range(50)], audit_fraction=fraction)

    assert sum(p.audit for p in places) == drawn


def test_the_order_of_the_rows_does_not_matter():
    studies = [nsf(f"n{k}", 0.1) for k in range(20)] + [asf("a", 0.9)]

    assert ordered(studies) == ordered(studies[::-1])
