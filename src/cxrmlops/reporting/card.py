"""
The model card: what a person must know before using the weights beside it.

The same facts as a page and as JSON. Each asked-for fact is stated, or named as a gap.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cxrmlops.files import whole, write_json
from cxrmlops.reporting.card_texts import AT_NIGHT, CARE, GAPS, INPUTS, UPDATES
from cxrmlops.reporting.evaluation_plots import (
    FIGURES,
    GROUPS,
    OTHER,
    POINTS,
    Evidence,
    Plain,
)
from cxrmlops.reporting.evaluation_report import environment, write_figure
from cxrmlops.reporting.scope import NOT_A_DEVICE, SCOPE

SECTIONS = (
    "Model",
    "Intended use",
    "Inputs and outputs",
    "Training data",
    "Performance",
    "Operating points",
    "Failure modes and limits",
    "Oversight and monitoring",
    "Updates",
    "Privacy and conformance",
)


@dataclass(frozen=True)
class Fact:
    """One line of the card."""

    section: str  # one of SECTIONS
    what: str
    said: str  # what is missing, where nothing is stated
    stated: bool = True


def write_card(folder: Path, evidence: Evidence) -> None:
    """Write card.html, which needs no other file, and card.json, the same facts."""
    facts = card_facts(evidence)
    write_json(
        folder / "card.json",
        {
            "name": evidence.card["name"],
            "bundle_hash": evidence.metrics["bundle_hash"],
            "regulatory_status": NOT_A_DEVICE,
            "facts": [asdict(fact) for fact in facts],
            "gaps": [fact.what for fact in facts if not fact.stated],
            "figures": evidence.metrics["figures"],
        },
    )
    page = (
        environment()
        .get_template("card.html")
        .render(
            card=evidence.card,
            metrics=evidence.metrics,
            sections={
                name: [fact for fact in facts if fact.section == name]
                for name in SECTIONS
            },
            names=FIGURES | OTHER,
            points=POINTS,
            notice=NOT_A_DEVICE,
        )
    )
    with whole(folder / "card.html") as draft:
        draft.write_text(page, encoding="utf-8")


def card_facts(evidence: Evidence) -> list[Fact]:
    """State every fact that the checklist of model cards asks for, in its order."""
    parts = {
        "Model": _model(evidence),
        "Intended use": {key.replace("_", " "): said for key, said in SCOPE.items()},
        "Inputs and outputs": INPUTS | _outputs(evidence),
        "Training data": _data(evidence),
        "Performance": _performance(evidence.metrics),
        "Operating points": _points(evidence.metrics),
        "Failure modes and limits": _failures(evidence.metrics) | CARE["limits"],
        "Oversight and monitoring": CARE["oversight"],
        "Updates": UPDATES,
        "Privacy and conformance": AT_NIGHT,
    }
    stated = {
        section: [Fact(section, what, said) for what, said in part.items()]
        for section, part in parts.items()
    }
    for section, gaps in GAPS.items():
        stated[section] += [Fact(section, *gap, stated=False) for gap in gaps.items()]
    return [fact for section in SECTIONS for fact in stated[section]]


def _model(evidence: Evidence) -> dict[str, str]:
    card, lineage = evidence.card, evidence.card["lineage"]
    made = [f"{name} {lineage[name]}" for name in ("torch", "torchvision")
            if name in lineage]  # fmt: skip
    return {
        "name": card["name"],
        "version": "number given by the registry; named by its hash before that",
        "hash of the bundle": evidence.metrics["bundle_hash"],
        "network": f"{card['architecture']}, {card['size']} x {card['size']} pixels",
        "training": f"{evidence.training['epochs']} epochs, best "
        f"{evidence.training['best_epoch']}, seed {evidence.training['seed']}, "
        f"{evidence.training['device']}, {evidence.training['precision']}",
        "code": str(lineage.get("code_hash", "unknown")),
        "made with": ", ".join(made) or "unknown",
    }


def _outputs(evidence: Evidence) -> dict[str, str]:
    temperature = f"{evidence.card['temperature']:.3f}"
    return {
        "outputs": "probability of any significant finding, calibrated (temperature "
        f"{temperature}); answer at each operating point; a map of the evidence; or "
        "not evaluable, with its reason",
        "films of a study": f"joined by {evidence.card['study_rule']}",
        "preprocessing": evidence.metrics["preprocessing_hash"],
    }


def _data(evidence: Evidence) -> dict[str, str]:
    cohort, manifest = evidence.cohort, evidence.manifest
    window = cohort["window"]
    n = manifest["n"]
    sides = "; ".join(
        f"{side}: {n[side]['patients']:,} patients, {n[side]['studies']:,} studies, "
        f"{100 * n[side]['abnormal_studies'] / n[side]['studies']:.1f} % ASF"
        for side in ("train", "val", "test")
    )
    return {
        "source": str(cohort["name"]),
        "period": f"{window['start']} to {window['end']}" if window else "no dates",
        "label source": str(cohort["label_policy"]),
        "split": f"by {manifest['policy']}, seed {manifest['seed']}; {sides}",
        "hash of the split": evidence.metrics["split_hash"],
        "hash of the test set": evidence.metrics["test_hash"],
    }


def _performance(metrics: Plain) -> dict[str, str]:
    figures = metrics["figures"]
    told = {
        "AUC": "auc",
        "calibration error": "ece",
        "calibration slope": "calibration_slope",
        "share not evaluable": "not_evaluable_rate",
        "AUC over a 16 x 16 thumbnail": "auc_over_thumbnail",
    }
    found = {what: _said(figures.get(name)) for what, name in told.items()}
    for each in metrics["spreads"]:
        found[f"largest gap, {GROUPS[each['group']].lower()}"] = (
            f"{each['highest']} over {each['lowest']}: {_said(each['gap'])}"
        )
    return found


def _points(metrics: Plain) -> dict[str, str]:
    found = {
        POINTS[point["name"]]: f"probability >= {point['threshold']:.4f}: "
        f"{point['rule']}"
        for point in metrics["operating_points"]
    }
    for level in ("90", "95", "98"):
        figure = metrics["figures"].get(f"recall_nsf_at_recall_asf_{level}")
        found[f"alternative: recall ASF .{level}"] = f"recall NSF {_said(figure)}"
    return found


def _failures(metrics: Plain) -> dict[str, str]:
    """Name the findings missed most, by the lower limit of recall, and refusals."""
    kinds = [
        group
        for group in metrics["subgroups"]
        if group["group"] == "finding" and group["recall_asf"]
    ]
    worst = sorted(
        kinds, key=lambda group: (group["recall_asf"]["low"], group["level"])
    )
    told = "; ".join(
        f"{group['level'].replace('_', ' ')} {_said(group['recall_asf'])}"
        for group in worst[:3]
    )
    unlike, n = metrics["not_evaluable"]["n_unfamiliar"], metrics["n_test_studies"]
    return {
        "findings missed most (recall, balanced)": told or "too few of any type",
        "films unlike those learnt from": f"{unlike:,} of {n:,} test studies would be "
        "refused as too far from the films of train",
    }


def _said(figure: Mapping[str, Any] | None) -> str:
    shown = write_figure(figure)
    if not shown["interval"]:
        return shown["value"]
    return f"{shown['value']} ({shown['interval']}, n = {shown['n']})"
