"""
Which model is in use: who may decide, and what must be true first.

Commands and flows both come here. MLflow's aliases and the history change inside one
lock, so that of two who decide at once the second sees what the first has done.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from cxrmlops.params import PromotionParams
from cxrmlops.promotion import approval_log, clean_code
from cxrmlops.promotion.approval_log import Entry
from cxrmlops.registry import versions
from cxrmlops.registry.comparison_tags import read as read_standing
from cxrmlops.registry.facts import GATE_REASONS, Training, training_of
from cxrmlops.registry.versions import Version
from cxrmlops.system.errors import BundleError, ParamsError
from cxrmlops.vocabulary.scope import Scope, require_scope

Standing = dict[str, dict[str, str]]  # question -> verdict and reason


def approve(
    asked: str, *, name: str, reason: str, params: PromotionParams, scope: Scope
) -> str:
    """Put a version in use, or sign for it where two people are asked for.

    Args:
        asked: number or alias of the version.
        name: who decides.
        reason: why.
        params: how many people, and what else must be true.
        scope: of this site; a model made for other images is refused.

    Returns:
        What happened, in lines for people.

    Raises:
        BundleError: no such version, it is in use already, or a rule is against it;
            then the refusal is in the history.
        ParamsError: nobody says who decides, or why.
    """
    require_person(name, reason)
    with approval_log.open_book() as book:
        rows = book.entries()
        chosen = versions.get(asked)
        _require_new(chosen, rows)
        training = training_of(chosen.run_id)
        standing = _standing(chosen, training, rows)
        signed = approval_log.signatures(rows, chosen.bundle_hash)
        against = (
            _other_scope(chosen, scope)
            or _not_passed(chosen, training)
            or clean_code.against(chosen.number, training, params)
            or _worse(chosen, standing)
            or _same_person(chosen, signed, name, params)
        )
        enough = len(signed) + 1 >= params.approvers
        event = approval_log.APPROVED if enough else approval_log.SIGNED
        book.add(
            approval_log.REFUSED if against else event,
            version=chosen.number,
            bundle_hash=chosen.bundle_hash,
            name=name,
            reason=against or reason,
        )
        if enough and not against:
            versions.promote(chosen, name=_names(signed, name), reason=reason)
    if against:
        raise BundleError(against)
    told = _champion(chosen, training, standing) if enough else _signed(chosen)
    return "\n".join(told)


def roll_back(*, name: str, reason: str) -> str:
    """Put the champion before back in use; one person is enough to go back.

    Raises:
        BundleError: there is no champion before, or nobody ever approved it.
        ParamsError: nobody says who decides, or why.
    """
    require_person(name, reason)
    with approval_log.open_book() as book:
        before = versions.get(versions.PREVIOUS)
        _require_known(before, book.entries())
        book.add(
            approval_log.ROLLED_BACK,
            version=before.number,
            bundle_hash=before.bundle_hash,
            name=name,
            reason=reason,
        )
        versions.roll_back(name=name, reason=reason)
    return f"version {before.number} is champion again"


def champion_bundle() -> Path:
    """Return a folder with the bundle in use: the one that people decided on.

    Raises:
        BundleError: none is, or an alias was moved and nobody decided so.
    """
    champion = versions.get(versions.CHAMPION)
    decided = approval_log.in_use(approval_log.entries())
    if champion.bundle_hash != decided:
        raise BundleError(
            f"version {champion.number} is champion in MLflow, but the history has "
            f"{f'bundle {decided[:12]}' if decided else 'no model'} in use; see: "
            "cxrmlops history. Put the alias back, or let a person decide: cxrmlops "
            f"approve --version {champion.number}"
        )
    return versions.fetch_bundle(champion)


def require_person(name: str, reason: str) -> None:
    """Refuse a decision that nobody stands for, or that has no reason (ParamsError)."""
    if not person(name) or not reason.strip():
        raise ParamsError(
            "a decision is kept with a name and a reason; give both: "
            '--name "..." --reason "..."'
        )


def _require_new(chosen: Version, rows: Sequence[Entry]) -> None:
    # An alias without a row in the history: set by hand, or by one who was killed.
    known = approval_log.in_use(rows) == chosen.bundle_hash
    if versions.CHAMPION in chosen.aliases and known:
        raise BundleError(f"version {chosen.number} is champion already; nothing to do")


def _require_known(before: Version, rows: Sequence[Entry]) -> None:
    """Refuse to go back to what was never in use: anybody can move an alias."""
    used = {row.bundle_hash for row in rows if row.event in approval_log.CHANGES}
    if before.bundle_hash not in used:
        raise BundleError(
            f"version {before.number} is `previous` in MLflow, but the history never "
            "had it in use; put the alias back, or let a person approve a version"
        )


def _standing(
    chosen: Version, training: Training, rows: Sequence[Entry]
) -> Standing | None:
    """Return how a version stands to the one in use; None where there is no other.

    The history says what is in use, not an alias that anybody can move.
    """
    champion = versions.with_alias(versions.CHAMPION)
    known = approval_log.in_use(rows) or (champion.bundle_hash if champion else "")
    if known in ("", chosen.bundle_hash):
        return None
    return read_standing(training.tags, bundle=chosen.bundle_hash, champion=known)


def _other_scope(chosen: Version, here: Scope) -> str:
    """Return that a version was made for other images than this site's; "" if not."""
    if chosen.scope is None:
        return (
            f"version {chosen.number} was registered by an older installation and does "
            "not say for which films it was made; train again"
        )
    try:
        require_scope(f"version {chosen.number}", chosen.scope, here)
    except BundleError as error:
        return str(error)
    return ""


def _not_passed(chosen: Version, training: Training) -> str:
    """Return that the gate, asked again since registration, does not let it in."""
    told = {
        "refused": "was refused by the gate",
        "not assessed": "could not be assessed by the gate, which is no pass",
    }.get(training.gate)
    if told is None:
        return ""
    why = training.tags.get(GATE_REASONS, "")
    return f"version {chosen.number} {told}: {why}; see data/gate/gate.html of its run"


def _worse(chosen: Version, standing: Standing | None) -> str:
    """Return what the comparison with the model in use has against it, if made."""
    if standing is None:
        return ""
    if not standing:
        return (
            f"version {chosen.number} was not compared with the model in use now, nor "
            "were its thresholds; run `cxrmlops register` where its data lie, then "
            "approve"
        )
    return "; ".join(o["reason"] for o in standing.values() if o["verdict"] == "fail")


def _same_person(
    chosen: Version, signed: Sequence[Entry], name: str, params: PromotionParams
) -> str:
    again = person(name) in {person(row.name) for row in signed}
    if params.approvers == 1 or not again:
        return ""
    return (
        f"{name.strip()} has signed for version {chosen.number} already; another "
        "person has to"
    )


def person(name: str) -> str:
    """Tell people apart by letters and digits alone: "B. Person" is "b person"."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _names(signed: Sequence[Entry], name: str) -> str:
    return " and ".join([*(row.name for row in signed), name.strip()])


def _signed(chosen: Version) -> list[str]:
    return [
        f"version {chosen.number} is signed, not in use yet: another person is needed, "
        f"cxrmlops approve --version {chosen.number}"
    ]


def _champion(
    chosen: Version, training: Training, standing: Standing | None
) -> list[str]:
    code = clean_code.told(training)
    compared = [one["reason"] for one in (standing or {}).values()]
    return [f"version {chosen.number} is champion", *filter(None, [code]), *compared]
