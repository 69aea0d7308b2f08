"""Whether anybody can find the code of a model again: said early, asked at approval.

What counts is the code as it was when training began (`records/origin.py`). Changes
that were not committed then may be committed later: a commit whose stages do the same,
by the hash of what they do, holds the code of that training.
"""

import logging

from cxrmlops.params import PromotionParams
from cxrmlops.records.origin import Origin
from cxrmlops.registry import facts
from cxrmlops.registry.lineage import code_hashes, code_state

NAMED = 3  # changed files in a sentence
UNKNOWN_CODE = (
    "its training was not in a git checkout, no commit is known: the wheel that "
    "travels with it is its code"
)
UNREAD_CODE = (
    "git could not say which commit its code is; promotion.clean_code lets that pass"
)
CHANGED_CODE = "its code had uncommitted changes; promotion.clean_code lets that pass"
REMEDY = (
    "commit that same code, and in that clean checkout run `cxrmlops register`, which "
    "knows it by its hash; or train again from a commit: dvc repro --force "
    "--single-item train, then python -m flows.train"
)

log = logging.getLogger(__name__)


def foreseen(params: PromotionParams) -> str:
    """Return why a model trained here and now could not be approved; "" if it could."""
    state = code_state()
    if not params.clean_code or state.dirty in ("no", "unknown"):
        return ""
    if state.dirty == "unreadable":
        return (
            "git cannot read this checkout: a model trained now is refused at approval "
            "(promotion.clean_code); make `git status` work here first"
        )
    more = len(state.changed) - NAMED
    named = ", ".join(state.changed[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"the code has uncommitted changes ({named}): a model trained now is refused "
        "at approval (promotion.clean_code); commit them first"
    )


def warn_of_changes(params: PromotionParams) -> None:
    """Say before hours of training what a person would be told after them."""
    if why := foreseen(params):
        log.warning("%s", why)


def find_code(run_id: str, origin: Origin) -> None:
    """Note the commit at hand as that of a training, if it holds the training's code.

    Args:
        run_id: of the training, complete.
        origin: what the stage `train` noted; its code had uncommitted changes, or git
            could not read it.
    """
    if origin.git_dirty in ("no", "unknown") or not origin.code:
        return
    state = code_state()
    if state.dirty == "no" and code_hashes() == origin.code:
        facts.note_commit(run_id, state.commit)


def against(number: str, training: facts.Training, params: PromotionParams) -> str:
    """Return that nobody can find a version's code again; "" where it is not so."""
    if not params.clean_code or training.found_in:
        return ""
    if training.is_unreadable:
        return (
            f"version {number} comes from a checkout that git could not read, so its "
            f"commit is not known; make `git status` work there, then {REMEDY}"
        )
    if not training.is_dirty:
        return ""
    return (
        f"version {number} was trained on code with uncommitted changes (after commit "
        f"{training.commit[:12]}); {REMEDY}"
    )


def told(training: facts.Training) -> str:
    """Return what a person who approves has to know of the code; "" nothing."""
    if training.found_in:
        return (
            "its code was committed after training: commit "
            f"{training.found_in[:12]} does the same"
        )
    if training.is_unreadable:
        return UNREAD_CODE
    if training.is_dirty:
        return CHANGED_CODE
    return "" if training.commit else UNKNOWN_CODE
