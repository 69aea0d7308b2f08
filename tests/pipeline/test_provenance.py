"""From a clean clone to a champion, and what uncommitted code means on the way."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from cxrmlops.quickstart.demo import copy_checkout
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.origin import Origin
from cxrmlops.records.verdict import Verdict
from cxrphantom.cohort import make_cohort
from tests.conftest import ROOT
from tests.make_records import make_verdict
from tests.pipeline.project import (
    SURROUNDINGS,
    copy_code,
    make_project,
    run_in_one_process,
)

pytestmark = pytest.mark.slow

APPROVE = "approve --name A.Person --reason trial"
LINE = ("cohort", "preprocess", "validate", "split", "train", "evaluate")
ME = ("-c", "user.name=A", "-c", "user.email=a@b")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A clean clone, and films that lie elsewhere."""
    top = tmp_path_factory.mktemp("site")
    with contextlib.chdir(ROOT):
        copy_checkout(top / "clone")
    code = copy_code(top / "clone")
    (top / "clone/.dvc/config.local").unlink()
    git(top / "clone", "init", "-q")
    commit(top / "clone", "first")
    make_cohort(top / "raw", studies=150, backlog_studies=1, seed=3, side=96, workers=2)
    return top / "clone", code


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *ME, *words], cwd=folder, check=True)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def let_pass(folder: Path) -> None:
    """The gate is not what is tried here."""
    measured = Metrics.read(folder / "data" / Metrics.file)
    hashes = ("bundle_hash", "split_hash", "test_hash")
    passed = make_verdict(**{name: getattr(measured, name) for name in hashes})
    passed.write(folder / "data" / Verdict.file)


def refusal(folder: Path, code: dict[str, str]) -> str:
    done = subprocess.run(
        ["cxrmlops", *APPROVE.split()],
        cwd=folder,
        env=os.environ | SURROUNDINGS | code,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_from_init_to_champion_and_through_uncommitted_code(clone):
    folder, code = clone
    raw = folder.parent / "raw"

    init = f"init {raw / 'films'} --reports {raw / 'reports.csv'}"
    run_in_one_process(folder, init, **code)
    site = (folder / "site.yaml").read_text()
    make_project(folder, params={"promotion": {"max_auc_loss": 1.0}})
    (folder / "site.yaml").write_text(site)
    said = run_in_one_process(folder, *LINE, **code)
    let_pass(folder)
    said += run_in_one_process(folder, "register", APPROVE, **code)

    assert "uncommitted" not in said
    assert "version 1 is champion" in said
    assert Origin.read(folder / "data" / Origin.file).git_dirty == "no"

    changed = folder / "src/cxrmlops/stages/train.py"
    changed.write_text(changed.read_text() + "\n_TRIED = True\n")
    said = run_in_one_process(folder, *LINE[-2:], **code)
    let_pass(folder)
    said += run_in_one_process(folder, "register", **code)

    first, *_ = said.splitlines()
    assert "uncommitted changes (src/cxrmlops/stages/train.py): a model" in first
    assert "approve will refuse it: version 2 was trained on code with" in said
    assert "which knows it by its hash" in refusal(folder, code)

    commit(folder, "what was tried")
    said = run_in_one_process(folder, "register", APPROVE, **code)

    assert "approve will refuse it" not in said
    assert "version 2 is champion\nits code was committed after training" in said
    assert Origin.read(folder / "data" / Origin.file).git_dirty == "yes"
