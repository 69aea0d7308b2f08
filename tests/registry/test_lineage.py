import subprocess

import pytest

from cxrmlops.registry.lineage import (
    SETTINGS,
    CodeState,
    code_state,
    data_state,
    environment,
    origin,
)

pytestmark = pytest.mark.integration

ME = ("-c", "user.name=A", "-c", "user.email=a@b")


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "code.py").write_text("1")
    for words in (
        ["init", "-q"],
        ["add", "code.py"],
        [*ME, "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_commit_is_named_and_a_changed_file_marks_it(checkout):
    clean = code_state(checkout)
    (checkout / "new.txt").write_text("not tracked: no matter")
    same = code_state(checkout)
    (checkout / "code.py").write_text("2")

    assert len(clean.commit) == 40
    assert clean.dirty == "no"
    assert clean == same
    assert code_state(checkout) == CodeState(clean.commit, "yes", ("code.py",))


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_and_what_a_training_writes_are_no_code(checkout, name):
    path = checkout / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("1")
    for words in (["add", "-f", name], [*ME, "commit", "-q", "-m", "settings"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    path.write_text("2")

    assert code_state(checkout).dirty == "no"


def test_a_training_that_begins_now_notes_commit_code_and_packages(checkout):
    noted = origin(checkout)

    assert noted.git_commit == code_state(checkout).commit
    assert noted.git_dirty == "no"
    assert list(noted.code) == ["cohort", "preprocess", "validate", "split", "train"]
    assert noted.environment_text == environment()
    assert len(noted.environment_hash) == 64


def test_outside_a_checkout_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert code_state(tmp_path) == CodeState("", "unknown")


def test_a_checkout_that_git_refuses_to_read_is_not_taken_for_none(
    checkout, monkeypatch, caplog
):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch

    assert code_state(checkout) == CodeState("", "unreadable")
    assert "the commit of the code is not known: detected dubious ownership" in (
        caplog.text
    )


def test_a_broken_index_is_not_taken_for_a_clean_checkout(checkout):
    (checkout / ".git/index").write_bytes(b"broken")

    assert code_state(checkout).dirty == "unreadable"


def test_a_checkout_without_a_commit_is_not_taken_for_none(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)

    assert code_state(tmp_path).dirty == "unreadable"


def test_a_checkout_on_a_machine_without_git_is_not_taken_for_none(
    checkout, monkeypatch
):
    monkeypatch.setenv("PATH", str(checkout))

    assert code_state(checkout).dirty == "unreadable"


def test_every_output_of_dvc_lock_has_its_hash(tmp_path):
    (tmp_path / "dvc.lock").write_text(
        "schema: '2.0'\n"
        "stages:\n"
        "  split:\n"
        "    cmd: cxrmlops split\n"
        "    outs:\n"
        "    - {path: data/split, md5: abc.dir, size: 1}\n"
    )

    assert data_state(tmp_path / "dvc.lock") == {"data/split": "abc.dir"}
    assert data_state(tmp_path / "missing.lock") == {}


def test_the_environment_names_every_package_once():
    lines = environment().splitlines()

    assert lines[0].startswith("# Python 3.")
    assert any(line.startswith("mlflow==") for line in lines)
    assert len(lines) == len(set(lines))
