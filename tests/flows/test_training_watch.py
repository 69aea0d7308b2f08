import pytest
from prefect import flow
from prefect.states import Completed

from cxrmlops.system.errors import CxrError
from flows import night_watch, training_watch
from flows.night_watch import NIGHT
from flows.train import train
from flows.training_watch import TRAINING

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]


@pytest.fixture
def told(project, monkeypatch):
    """What was told: event and sentence."""
    said = []
    for module in (night_watch, training_watch):
        monkeypatch.setattr(module, "tell", lambda *words: said.append(words))
    return said


def end(ending, hooks) -> None:
    @flow(name="watched", **hooks)
    def watched():
        if isinstance(ending, Exception):
            raise ending
        return ending

    watched(return_state=True)


def test_a_refused_model_is_told_and_one_that_passed_is_not(told):
    end(Completed(message="registered as version 1"), TRAINING)
    end(Completed(name="Refused", message="auc: 0.81 is below 0.90"), TRAINING)

    assert told == [("gate_refused", "auc: 0.81 is below 0.90")]


def test_a_training_that_failed_is_told(told):
    end(CxrError("stage 'cohort' failed"), TRAINING)

    assert told == [("training_failed", "stage 'cohort' failed")]


def test_a_night_that_failed_is_told_and_a_good_one_is_not(told):
    end(Completed(message="nothing new"), NIGHT)
    end(CxrError("no version is champion"), NIGHT)

    assert told == [("night_failed", "no version is champion")]


def test_a_notice_that_breaks_does_not_change_how_a_run_ends(project, monkeypatch):
    def broken(*_words):
        raise OSError

    monkeypatch.setattr(training_watch, "tell", broken)

    @flow(name="watched", **TRAINING)
    def watched():
        return Completed(name="Refused", message="x")

    assert watched(return_state=True).name == "Refused"


def test_the_real_training_is_watched():
    assert train.on_completion_hooks == TRAINING["on_completion"]
    assert train.on_failure_hooks == TRAINING["on_failure"]
