"""
The model card: what a person must know before using the weights beside it.

The same facts as a page and as JSON. Each asked-for fact is stated, or named as a gap.
"""

from pathlib import Path

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.model_card import CardFact, ModelCard
from cxrmlops.reporting.card_texts import AT_NIGHT, CARE, GAPS, INPUTS, UPDATES
from cxrmlops.reporting.evaluation_plots import (
    FIGURES,
    GROUPS,
    OTHER,
    POINTS,
    Evidence,
)
from cxrmlops.reporting.evaluation_report import environment, write_figure
from cxrmlops.reporting.scope import NOT_A_DEVICE, SCOPE
from cxrmlops.system.files import write_text

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


def write_card(folder: Path, evidence: Evidence) -> None:
    """Write card.html, which needs no other file, and card.json, the same facts."""
    facts = card_facts(evidence)
    card = ModelCard(
        name=evidence.card.name,
        bundle_hash=evidence.metrics.bundle_hash,
        regulatory_status=NOT_A_DEVICE,
        facts=tuple(facts),
        gaps=tuple(fact.what for fact in facts if not fact.stated),
        figures=evidence.metrics.figures,
    )
    card.write(folder / "card.json")
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
    write_text(folder / "card.html", page)


def card_facts(evidence: Evidence) -> list[CardFact]:
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
        section: [_fact(section, what, said) for what, said in part.items()]
        for section, part in parts.items()
    }
    for section, gaps in GAPS.items():
        stated[section] += [_fact(section, *gap, stated=False) for gap in gaps.items()]
    return [fact for section in SECTIONS for fact in stated[section]]


def _fact(section: str, what: str, said: str, *, stated: bool = True) -> CardFact:
    return CardFact(section=section, what=what, said=said, stated=stated)


def _model(evidence: Evidence) -> dict[str, str]:
    card, lineage = evidence.card, evidence.card.lineage
    training = evidence.training
    best = ", ".join(map(str, training.best_epochs))
    libraries = [name for name in ("torch", "torchvision") if name in lineage]
    return {
        "name": card.name,
        "version": "number given by the registry; named by its hash before that",
        "hash of the bundle": evidence.metrics.bundle_hash,
        "network": _network(evidence),
        "map": f"a cell every {card.output_stride} pixels of those; pooled into the "
        f"logit by {card.pooling}",
        "training": f"{training.epochs} epochs, best {best}, "
        f"seed {training.seed}, {training.device}, {training.precision}",
        "precision": "thresholds are of 32 bit (fp32), which may always read; "
        + ("; ".join(one.told() for one in card.agreement) or "nothing else may"),
        "code": str(lineage.get("code_hash", "unknown")),
        "made with": ", ".join(f"{name} {lineage[name]}" for name in libraries)
        or "unknown",
    }


def _network(evidence: Evidence) -> str:
    card = evidence.card
    one = f"{card.architecture}, {card.size} x {card.size} pixels"
    if card.networks == 1:
        return one
    return (
        f"{card.networks} of {one}; the mean of their logits and maps is the answer; "
        f"a night takes {card.networks} times as long as with one"
    )


def _outputs(evidence: Evidence) -> dict[str, str]:
    temperature = f"{evidence.card.temperature:.3f}"
    return {
        "outputs": "probability of any significant finding, calibrated (temperature "
        f"{temperature}); answer at each operating point; a map of the evidence; or "
        "not evaluable, with its reason",
        "films of a study": f"joined by {evidence.card.study_rule}",
        "preprocessing": evidence.metrics.preprocessing_hash,
    }


def _data(evidence: Evidence) -> dict[str, str]:
    cohort, manifest = evidence.cohort, evidence.manifest
    window = cohort.window
    sides = "; ".join(
        f"{side}: {n.patients:,} patients, {n.studies:,} studies, "
        f"{100 * n.abnormal_studies / n.studies:.1f} % ASF"
        for side, n in ((side, manifest.n[side]) for side in ("train", "val", "test"))
    )
    return {
        "source": cohort.name,
        "period": f"{window.start} to {window.end}" if window else "no dates",
        "label source": cohort.label_policy,
        "split": f"by {manifest.policy}, seed {manifest.seed}; {sides}",
        "hash of the split": evidence.metrics.split_hash,
        "hash of the test set": evidence.metrics.test_hash,
    }


def _performance(metrics: Metrics) -> dict[str, str]:
    figures = metrics.figures
    told = {
        "AUC": "auc",
        "calibration error": "ece",
        "calibration slope": "calibration_slope",
        "share not evaluable": "not_evaluable_rate",
        "AUC over a 16 x 16 thumbnail": "auc_over_thumbnail",
    }
    found = {what: _said(figures.get(name)) for what, name in told.items()}
    for each in metrics.spreads:
        found[f"largest gap, {GROUPS[each.group].lower()}"] = (
            f"{each.highest} over {each.lowest}: {_said(each.gap)}"
        )
    return found


def _points(metrics: Metrics) -> dict[str, str]:
    found = {
        POINTS[point.name]: f"probability >= {point.threshold:.4f}: {point.rule}"
        for point in metrics.operating_points
    }
    for level in ("90", "95", "98"):
        figure = metrics.figures.get(f"recall_nsf_at_recall_asf_{level}")
        found[f"alternative: recall ASF .{level}"] = f"recall NSF {_said(figure)}"
    return found


def _failures(metrics: Metrics) -> dict[str, str]:
    """Name the findings missed most, by the lower limit of recall, and refusals."""
    recalls = [
        (group.recall_asf, group.level)
        for group in metrics.subgroups
        if group.group == "finding" and group.recall_asf
    ]
    worst = sorted(recalls, key=lambda each: (each[0].low, each[1]))
    told = "; ".join(
        f"{level.replace('_', ' ')} {_said(recall)}" for recall, level in worst[:3]
    )
    unlike, n = metrics.not_evaluable.n_unfamiliar, metrics.n_test_studies
    return {
        "findings missed most (recall, balanced)": told or "too few of any type",
        "films unlike those learnt from": f"{unlike:,} of {n:,} test studies would be "
        "refused as too far from the films of train",
    }


def _said(figure: Estimate | None) -> str:
    shown = write_figure(figure)
    if not shown["interval"]:
        return shown["value"]
    return f"{shown['value']} ({shown['interval']}, n = {shown['n']})"
