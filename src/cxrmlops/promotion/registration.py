"""After a training: its run completed, looks counted, and the bundle offered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrmlops.model.bundle import bundle_hash
from cxrmlops.params import PromotionParams
from cxrmlops.promotion import approval_log, clean_code
from cxrmlops.promotion.champion_comparison import Challenge, told
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.origin import Origin
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import comparison_tags, versions
from cxrmlops.registry.facts import training_of
from cxrmlops.registry.record import complete_run
from cxrmlops.registry.tracking import find_or_make_run

ACTOR = "cxrmlops register"  # who refuses, in the history
UNREGISTERED = "none"  # version of a bundle that was kept out


@dataclass(frozen=True)
class Offer:
    """What became of a bundle that was offered."""

    said: str  # for people
    refused: bool = False


def record(settings: Mapping[str, Any], *, data: Path) -> tuple[str, bool]:
    """Count the look at the test set, then complete the training's run in MLflow.

    Code that was committed after the training is looked for in the commit at hand.

    Returns:
        Id of the run, and whether there was anything new to write.
    """
    metrics = Metrics.read(data / Metrics.file)
    approval_log.count_look(metrics.bundle_hash, metrics.test_hash)
    run_id = find_or_make_run(settings, split=data / "split")
    new = complete_run(run_id, settings=settings, data=data)
    clean_code.find_code(run_id, Origin.read(data / Origin.file))
    return run_id, new


def offer(run_id: str, *, params: PromotionParams, data: Path) -> Offer:
    """Register a bundle that passed its gates and is not worse than the one in use.

    Asked again it registers nothing new, but compares with a champion that is new.

    Args:
        run_id: the training's MLflow run.
        params: margin to the champion, and looks from which on to warn.
        data: folder of the stages' results.

    Raises:
        BundleError: the gate refused it, or judged another bundle.
        ServiceError: MLflow did not answer; safe to repeat.
    """
    verdict = Verdict.read(data / Verdict.file)
    found = bundle_hash(data / "train" / "bundle")
    versions.require_passed(verdict, found)
    judged = _judged(found, run_id, params, data)
    reasons = [one["reason"] for one in judged.values() if one["verdict"] == "fail"]
    if reasons:
        _note_refusal(found, "; ".join(reasons))
        return Offer("; ".join(reasons), refused=True)
    version, new = versions.register(
        data / "train" / "bundle", verdict=verdict, run_id=run_id
    )
    comparison_tags.show(version, judged)
    versions.describe(version, data)
    aliases = ", ".join(version.aliases)
    said = [
        f"registered as version {version.number} ({aliases})"
        if new
        else f"version {version.number}, registered before",
        *(one["reason"] for one in judged.values()),
        _looks(found, verdict.test_hash, params),
        *_hindrance(version, params),
    ]
    return Offer("; ".join(said))


def _hindrance(version: versions.Version, params: PromotionParams) -> list[str]:
    """Say now what approval would refuse later."""
    training = training_of(version.run_id)
    why = clean_code.against(version.number, training, params)
    return [f"approve will refuse it: {why}"] if why else []


def _judged(
    found: str, run_id: str, params: PromotionParams, data: Path
) -> comparison_tags.Judged:
    """Compare with the champion, unless this very pair was compared before."""
    known = approval_log.in_use(approval_log.entries())
    champion = versions.find(known) if known else versions.with_alias(versions.CHAMPION)
    if champion is None or champion.bundle_hash == found:
        return {}
    margin, theirs = params.max_auc_loss, champion.bundle_hash
    tags = training_of(run_id).tags
    if done := comparison_tags.read(tags, bundle=found, champion=theirs, margin=margin):
        return done
    pair = Challenge(
        data / "train" / "bundle",
        versions.fetch_bundle(champion),
        data=data,
        least=params.min_compared_n,
    )
    if not pair.obstacle:
        test_hash = SplitManifest.read(data / SplitManifest.file).test_hash
        approval_log.count_look(theirs, test_hash)
    judged = {
        "comparison": told(*pair.compare(max_auc_loss=margin)),
        "bridge": told(*pair.bridge()),
    }
    comparison_tags.note(run_id, judged, bundle=found, champion=theirs, margin=margin)
    return judged


def _note_refusal(found: str, why: str) -> None:
    """Keep a refusal in the history; the same one once."""
    with approval_log.open_book() as book:
        rows = [row for row in book.entries() if row.bundle_hash == found]
        if not any(
            row.event == approval_log.REFUSED and row.reason == why for row in rows
        ):
            book.add(
                approval_log.REFUSED,
                version=UNREGISTERED,
                bundle_hash=found,
                name=ACTOR,
                reason=why,
            )


def _looks(found: str, test_hash: str, params: PromotionParams) -> str:
    n = approval_log.count_look(found, test_hash)
    said = f"model {n} measured on this test set"
    if n > params.warn_test_set_uses:
        said += (
            f", more than the {params.warn_test_set_uses} of "
            "promotion.warn_test_set_uses: figures flatter the best of so many; take "
            "test patients nobody has looked at"
        )
    return said
