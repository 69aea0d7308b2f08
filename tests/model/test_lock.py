import pytest

from cxrmlops.model.lock import only_training
from cxrmlops.system.errors import ResourceError
from cxrmlops.system.files import only_run
from cxrmlops.system.ranks import RANKS


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)


def test_one_training_runs_at_a_time():
    with (
        only_training(),
        pytest.raises(ResourceError, match="another 'train' runs in this checkout"),
        only_training(),
    ):
        pass


@pytest.mark.parametrize("name", RANKS)
def test_copies_of_a_training_run_beside_the_first_and_the_first_alone(
    monkeypatch, name
):
    with only_run("train"):
        monkeypatch.setenv(name, "1")
        with only_training():
            pass

        monkeypatch.setenv(name, "0")
        with pytest.raises(ResourceError), only_training():
            pass
