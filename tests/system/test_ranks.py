import pytest

from cxrmlops.system.ranks import RANKS, is_first


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_nobody_copied_is_the_first():
    assert is_first()


@pytest.mark.parametrize("name", RANKS)
@pytest.mark.parametrize(("rank", "first"), [("0", True), ("1", False)])
def test_the_copies_know_that_they_are_not_the_first(name, rank, first, monkeypatch):
    monkeypatch.setenv(name, rank)

    assert is_first() is first
