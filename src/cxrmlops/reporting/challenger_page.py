"""The challenger beside the champion: one page, and the same in a few lines."""

from pathlib import Path

from cxrmlops.records.challenger import ChallengerComparison, PointAgreement
from cxrmlops.records.estimate import in_words
from cxrmlops.reporting.pages import environment
from cxrmlops.system.files import write_text

PAGE = "challenger.html"


def write_page(out: Path, found: ChallengerComparison) -> None:
    """Write out/challenger.json and challenger.html: it needs no other file."""
    found.write(out / "challenger.json")
    prepared = environment()
    prepared.filters["interval"] = in_words
    prepared.filters["differ"] = _differ
    write_text(out / PAGE, prepared.get_template(PAGE).render(found=found))


def challenger_text(found: ChallengerComparison) -> str:
    """Write the comparison as Markdown, as Prefect and a terminal show it."""
    lines = [
        f"Challenger {found.challenger[:12]} beside champion {found.champion[:12]}"
        + (f", since {found.since}" if found.since else ", nothing read yet"),
        "",
        f"* both answered {found.n_both} studies; the champion alone "
        f"{found.n_only_champion}, the challenger alone {found.n_only_challenger}",
        f"* waiting {found.counts.get('waiting', 0)}, "
        f"failed {found.counts.get('failed', 0)}",
        f"* probabilities differ by {_number(found.mean_absolute_difference)} on "
        f"average, by {_number(found.largest_difference)} at most",
        *(
            f"* {one.point.replace('_', ' ')}: {_differ(one)} answers differ "
            f"(challenger alone ASF {one.only_challenger_asf}, champion alone "
            f"{one.only_champion_asf}); kappa {in_words(one.kappa)}"
            for one in found.points
        ),
        f"* by reports: {_by_reports(found)}",
        *(f"* not read: {why}" for why in found.unread_reports),
    ]
    return "\n".join(lines) + "\n"


def _by_reports(found: ChallengerComparison) -> str:
    if found.why:
        return f"not assessed: {found.why}"
    return (
        f"AUC {in_words(found.auc_challenger)}; "
        f"champion {in_words(found.auc_champion)}; "
        f"difference {in_words(found.auc_difference)}"
    )


def _differ(one: PointAgreement) -> int:
    return one.only_challenger_asf + one.only_champion_asf


def _number(value: float | None) -> str:
    return "not assessed" if value is None else f"{value:.4f}"
