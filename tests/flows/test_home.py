"""Where Prefect keeps its database, whoever runs it."""

import os
from pathlib import Path

import pytest

from cxrmlops.system.errors import ParamsError
from flows.home import choose_home, require_home

pytestmark = pytest.mark.integration

NOWHERE = "/proc/nowhere"  # nobody can make a folder there, root neither


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", "")  # so that what is set here is undone
    monkeypatch.delenv("PREFECT_HOME")
    return tmp_path


def test_without_a_home_that_can_be_written_a_folder_here_serves(here, monkeypatch):
    monkeypatch.setenv("HOME", NOWHERE)

    choose_home()
    require_home()

    assert os.environ["PREFECT_HOME"] == str(here / ".prefect")
    assert (here / ".prefect").is_dir()


def test_a_home_that_can_be_written_is_the_usual_one(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))

    choose_home()

    assert "PREFECT_HOME" not in os.environ
    assert (here / "home/.prefect").is_dir()


def test_a_folder_that_was_named_and_cannot_be_written_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", NOWHERE)

    choose_home()
    with pytest.raises(ParamsError, match="Prefect cannot write to /proc/nowhere; set"):
        require_home()
