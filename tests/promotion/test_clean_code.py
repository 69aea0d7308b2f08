"""Code that nobody can find again: said before training, asked at approval."""

import shutil
import subprocess
from functools import partial

import pytest

from cxrmlops.params import PromotionParams, load_params
from cxrmlops.promotion import approval, approval_log, clean_code
from cxrmlops.quickstart.site_setup import set_up
from cxrmlops.registry import versions
from cxrmlops.registry.facts import COMMIT, DIRTY
from cxrmlops.registry.lineage import code_hashes, code_state, origin
from cxrmlops.system.errors import BundleError
from tests.conftest import ROOT
from tests.make import SCOPE
from tests.make_records import make_origin
from tests.registry.conftest import empty_mlflow  # noqa: F401  a fixture
from tests.registry.stand_ins import register

pytestmark = pytest.mark.integration

ME = ("-c", "user.name=A", "-c", "user.email=a@b")
approve = partial(approval.approve, scope=SCOPE)


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch, empty_mlflow):  # noqa: F811
    """A clean checkout with our settings, and we stand in it."""
    for name in ("params.yaml", "site.yaml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit(tmp_path)
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commit(folder):
    for words in (["add", "*.yaml", "README.md"], [*ME, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def promotion(**quirks: object) -> PromotionParams:
    return load_params(ROOT / "params.yaml").promotion.model_copy(update=quirks)


def events() -> list[tuple[str, str, str]]:
    return [(row.event, row.version, row.name) for row in approval_log.entries()]


def test_init_and_turned_numbers_leave_a_clean_checkout_clean(checkout):
    images = checkout / "films"
    images.mkdir()
    (images / "a.dcm").write_bytes(b"1")
    (checkout / "reports.csv").write_text("study,conclusion\n")
    set_up(images, reports=checkout / "reports.csv", here=checkout)
    params = checkout / "params.yaml"
    params.write_text(params.read_text().replace("warn_looks", "x") + "\n# ours\n")

    assert "films" in (checkout / "site.yaml").read_text()
    assert clean_code.foreseen(promotion()) == ""
    assert origin().git_dirty == "no"


def test_changed_code_is_warned_of_before_training_with_the_files(checkout, caplog):
    (checkout / "README.md").write_text("changed")

    clean_code.warn_of_changes(promotion())
    clean_code.warn_of_changes(promotion(clean_code=False))

    (line,) = caplog.messages
    assert line == (
        "the code has uncommitted changes (README.md): a model trained now is refused "
        "at approval (promotion.clean_code); commit them first"
    )


def test_a_checkout_that_git_cannot_read_is_warned_of(monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch

    assert "git cannot read this checkout" in clean_code.foreseen(promotion())


def test_code_committed_after_training_is_found_by_what_it_does(checkout):
    run_id = trained_on(DIRTY_CODE)

    with pytest.raises(BundleError, match="run `cxrmlops register`, which knows it"):
        approve("1", name="A. Person", reason="good", params=promotion())
    clean_code.find_code(run_id, make_origin(git_dirty="yes", code=code_hashes()))

    said = approve("1", name="A. Person", reason="good", params=promotion())
    found = code_state().commit
    assert f"committed after training: commit {found[:12]} does the same" in said


def test_a_checkout_that_is_dirty_or_does_something_else_is_not_its_code(checkout):
    run_id = trained_on(DIRTY_CODE)

    clean_code.find_code(run_id, make_origin(git_dirty="yes", code={"train": "other"}))
    (checkout / "README.md").write_text("changed")
    clean_code.find_code(run_id, make_origin(git_dirty="yes", code=code_hashes()))

    with pytest.raises(BundleError, match="uncommitted changes"):
        approve("1", name="A. Person", reason="good", params=promotion())


DIRTY_CODE = {COMMIT: "c" * 40, DIRTY: "yes"}


def trained_on(tags: dict[str, str]) -> str:
    register("1", tags=tags)
    return versions.get("1").run_id


def test_code_with_uncommitted_changes_makes_no_champion():
    register("1", tags={COMMIT: "c" * 40, DIRTY: "yes"})

    with pytest.raises(BundleError, match="uncommitted changes .after commit cccccc"):
        approve("1", name="A. Person", reason="good", params=promotion())

    assert events() == [("refused", "1", "A. Person")]
    said = approve(
        "1", name="A. Person", reason="trial", params=promotion(clean_code=False)
    )
    assert said.startswith("version 1 is champion\nits code had uncommitted changes")


def test_a_checkout_that_git_could_not_read_makes_no_champion():
    register("1", tags={COMMIT: "", DIRTY: "unreadable"})

    with pytest.raises(BundleError, match="git could not read, so its commit is"):
        approve("1", name="A. Person", reason="good", params=promotion())

    assert events() == [("refused", "1", "A. Person")]
    said = approve(
        "1", name="A. Person", reason="trial", params=promotion(clean_code=False)
    )
    assert "git could not say which commit its code is" in said


def test_code_outside_a_checkout_is_let_in_and_said():
    register("1", tags={COMMIT: "", DIRTY: "unknown"})

    said = approve("1", name="A. Person", reason="good", params=promotion())

    assert "no commit is known: the wheel that travels with it is its code" in said
