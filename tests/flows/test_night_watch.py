from inspect import signature

import pytest
from prefect import flow
from prefect.states import Completed, Failed

from cxrmlops.operations.heartbeat import read_heartbeat
from cxrmlops.system.errors import ServiceError
from flows.night_watch import NIGHT, judge
from flows.schedule import BUSY, SKIPPED
from flows.score import score
from flows.training_watch import TRAINING

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]


def last():
    return read_heartbeat().nights[-1]


@pytest.fixture
def night(project):
    """A flow that is watched as a night is, and ends as it is told to."""

    endings = []  # Prefect would take a state that is handed in for its result

    @flow(name="watched", **NIGHT)
    def watched():
        if isinstance(endings[-1], Exception):
            raise endings[-1]
        return endings[-1]

    def run(ending) -> None:
        endings.append(ending)
        watched(return_state=True)

    return run


def test_a_night_that_completes_is_noted_with_its_sentence(night):
    night(Completed(message="in 2, scored 2"))

    assert (last().state, last().said) == ("complete", "in 2, scored 2")
    assert last().counts["in"] == 0


@pytest.mark.parametrize(
    "ending", [Completed(name=SKIPPED, message="x"), Failed(name=BUSY, message="x")]
)
def test_a_night_that_gave_way_to_another_is_none(night, ending):
    night(ending)

    assert not read_heartbeat().nights


def test_a_night_that_fails_is_noted_with_our_own_sentence(night):
    night(ServiceError("the archive did not answer; run again"))

    assert last().state == "failed"
    assert last().said == "the archive did not answer; run again"


def test_what_a_foreign_error_quotes_is_not_noted(night):
    night(ValueError("DOE^JANE"))

    assert last().said == "ValueError, see the run's log"


@pytest.mark.parametrize(
    ("state", "counts", "judged"),
    [
        (Completed(), {}, "complete"),
        (Completed(), {"scored": 2, "failed": 0}, "complete"),
        (Completed(), {"scored": 2, "failed": 1}, "half"),
        (Failed(), {"scored": 2, "waiting": 1}, "half"),
        (Failed(), {"rejected": 1}, "half"),
        (Failed(), {"failed": 3}, "failed"),
        (Failed(), {}, "failed"),
    ],
)
def test_a_night_is_complete_half_or_failed(state, counts, judged):
    assert judge(state, counts) == judged


@pytest.mark.parametrize("hooks", [NIGHT, TRAINING])
def test_hooks_take_the_names_by_which_a_worker_calls_them(hooks):
    for hook in {hook for those in hooks.values() for hook in those}:
        assert list(signature(hook).parameters) == ["flow", "flow_run", "state"]


def test_the_real_night_is_watched(project, reading_bundle, monkeypatch):
    monkeypatch.setenv("CXR_WORKERS", "0")
    (project / "data/raw/backlog").mkdir(parents=True)

    score(model=str(reading_bundle), return_state=True)

    assert last().state == "complete"
    assert last().said.startswith("nothing new; stage shadow: results go to folder:")
    assert last().began < last().ended
