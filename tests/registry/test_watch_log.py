import pytest

from cxrmlops.registry.service import open_client
from cxrmlops.registry.watch_log import EXPERIMENT, figures, log_watch
from tests.make_records import make_month, make_shift, make_watch

pytestmark = pytest.mark.integration


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "watch.html"
    path.write_text("<p>page</p>")
    return path


def test_nights_of_one_model_are_steps_of_one_run(project, page):
    first = log_watch(make_watch(date="2026-03-19"), page)
    second = log_watch(make_watch(date="2026-03-20"), page)
    other = log_watch(make_watch(bundle_hash="6" * 64), page)

    assert first == second != other
    client = open_client()
    steps = [m.step for m in client.get_metric_history(first, "shift.picture")]
    assert steps == [20531, 20532]  # days since 1970
    assert [f.path for f in client.list_artifacts(first)] == [
        "2026-03-19",
        "2026-03-20",
    ]
    assert client.get_experiment_by_name(EXPERIMENT) is not None


def test_the_same_watch_is_written_once(project, page):
    run = log_watch(make_watch(), page)
    log_watch(make_watch(), page)

    assert len(open_client().get_metric_history(run, "alarms")) == 1


def test_figures_are_of_the_newest_month_that_is_assessed():
    few = make_month(month="2026-04").model_copy(update={"why": "few"})
    told = figures(make_watch(months=(few, make_month(auc=(0.91, 0.9, 0.92)))))

    assert told["realised.auc"] == 0.91
    assert told["realised.auc.low"] == 0.9


def test_what_is_not_known_is_left_out():
    told = figures(make_watch(months=(), shifts=(make_shift(nights=1),)))

    assert "realised.auc" not in told
    assert "shift.picture" not in told
    assert told["alarm.picture"] == 1.0
