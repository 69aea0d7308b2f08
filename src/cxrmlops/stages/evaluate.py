"""Bundle + test films -> figures with intervals, plots, tables."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.data.split_membership import check_sides
from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.evaluation.performance.failures import Failures
from cxrmlops.evaluation.performance.figures import check_classes
from cxrmlops.evaluation.performance.metrics import measure
from cxrmlops.evaluation.performance.studies import join_scores, join_studies
from cxrmlops.evaluation.performance.thumbnail import read_thumbnails, shrink
from cxrmlops.evaluation.statistics.thresholds import choose_points, moved
from cxrmlops.model.bundle import (
    Bundle,
    BundleCard,
    read_bundle,
    require_preprocessing,
    require_split,
)
from cxrmlops.model.inference import BATCH, Reader
from cxrmlops.params import EvaluateParams
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import HISTORY, NOT_EVALUABLE, SPLITS, STUDIES
from cxrmlops.records.training import Training
from cxrmlops.reporting.card import write_card
from cxrmlops.reporting.evaluation_plots import Evidence, draw_plots
from cxrmlops.reporting.evaluation_report import write_report
from cxrmlops.reporting.plot_tables import write_plot_tables
from cxrmlops.system.errors import BundleError
from cxrmlops.system.files import whole_folder

log = logging.getLogger(__name__)


def run(
    *,
    cohort: Path,
    preprocess: Path,
    split: Path,
    train: Path,
    out: Path,
    params: EvaluateParams,
) -> None:
    """Write figures.json, studies.parquet (test), plots, report.html and the card.

    The only stage that reads test. Twice on the same inputs gives the same bytes.

    Raises:
        BundleError: the bundle is missing, changed, or learnt from other pixels.
        DataError: an input is missing, or test is empty or of one class.
        LeakError: a patient on two sides, or the bundle learnt from another split.
    """
    images = SPLITS.read(split).sort_values("image_id", ignore_index=True)
    manifest = SplitManifest.read(split / "manifest.json")
    check_sides(images, policy=manifest.policy)
    bundle = _read_bundle(train, preprocess, manifest)
    check_classes(images.abnormal[images.split == "test"].to_numpy(dtype=bool))
    val = STUDIES.read(train)
    lost = NOT_EVALUABLE.read(split)

    squares = image_squares(preprocess)
    studies, unfamiliar = _studies(images, bundle, squares)
    thumbnail = _thumbnails(images, bundle.card.study_rule, squares)
    measured = measure(
        studies,
        thumbnail,
        bundle.card.operating_points,
        failures=Failures(lost[lost.split == "test"], unfamiliar),
        prevalences=params.prevalences,
        bins=params.ece_bins,
        rounds=params.bootstrap_rounds,
        seed=params.seed,
    )
    metrics = Metrics(
        **dict(measured),
        **_named(bundle, manifest),
        thresholds_moved=_thresholds_moved(bundle.card, val),
    )
    _write(
        out,
        Evidence(
            metrics=metrics,
            studies=studies,
            history=HISTORY.read(train),
            card=bundle.card,
            manifest=manifest,
            training=Training.read(train / "training.json"),
            settings=params.model_dump(mode="json"),
            cohort=CohortSummary.read(cohort / "exclusions.json"),
        ),
        (cohort / "flow.svg").read_text(encoding="utf-8"),
    )
    _tell(metrics)


def _read_bundle(train: Path, preprocess: Path, manifest: SplitManifest) -> Bundle:
    """Read the bundle; it learnt from these pixels and this split, or is refused."""
    bundle = read_bundle(train / "bundle")
    pixels = Preprocessing.read(preprocess / "preprocessing.json")
    require_preprocessing(bundle.card, pixels.hash)
    require_split(bundle.card, manifest.hash)
    return bundle


def _named(bundle: Bundle, manifest: SplitManifest) -> dict[str, Any]:
    """Return by which model and on which test set figures were measured."""
    return {
        "bundle_hash": bundle.hash,
        "preprocessing_hash": bundle.card.preprocessing_hash,
        "split_hash": manifest.hash,
        "test_hash": manifest.test_hash,
        "operating_points": bundle.card.operating_points,
    }


def _studies(
    images: pd.DataFrame, bundle: Bundle, squares: Callable[[pd.DataFrame], np.ndarray]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Read test, once, a few films at a time.

    Returns:
        STUDIES rows, and which of them the night would refuse: no film of theirs is
        like those that the network learnt from; shape (n_studies,), bool.
    """
    test = images[images.split == "test"]
    reader = Reader(bundle, batch_size=BATCH)
    answers = reader.read_parts(map(squares, in_parts(test)))
    log.info("evaluate: %d test films read", len(test))
    studies = join_studies(
        test,
        answers.logit,
        rule=bundle.card.study_rule,
        temperature=bundle.card.temperature,
    )
    far = pd.Series(answers.unfamiliar)
    refused = far.groupby(test.study_id.to_numpy()).all()
    return studies, refused.loc[studies.study_id].to_numpy(dtype=bool)


def _thumbnails(
    images: pd.DataFrame, rule: str, squares: Callable[[pd.DataFrame], np.ndarray]
) -> np.ndarray:
    """Answer with the thumbnail baseline: one probability per test study."""
    thumbnails = np.concatenate([shrink(squares(part)) for part in in_parts(images)])
    answers = read_thumbnails(thumbnails, images.abnormal, images.split)
    test = images[images.split == "test"]
    return join_scores(test, answers, rule=rule).probability.to_numpy()


def _thresholds_moved(card: BundleCard, val: pd.DataFrame) -> float:
    """Choose the points again on val: frozen ones must come from nowhere else."""
    asked = card.lineage.get("params", {}).get("high_sensitivity")
    if asked is None:
        raise BundleError(
            f"model '{card.name}' does not say which sensitivity its thresholds were "
            "chosen for; train it again"
        )
    chosen = choose_points(
        val.probability, val.abnormal, val.split, high_sensitivity=asked
    )
    return moved(card.operating_points, chosen)


def _write(out: Path, evidence: Evidence, flow: str) -> None:
    plots = draw_plots(evidence)
    with whole_folder(out) as draft:
        evidence.metrics.write(draft / "figures.json")
        STUDIES.write(evidence.studies, draft)
        for name, svg in plots.items():
            (draft / f"{name}.svg").write_text(svg, encoding="utf-8")
        write_plot_tables(draft / "plots", evidence)
        write_report(draft / "report.html", evidence, plots | {"flow": flow})
        write_card(draft, evidence)


def _tell(metrics: Metrics) -> None:
    auc, margin = (metrics.figures[name] for name in ("auc", "auc_over_thumbnail"))
    log.info(
        "evaluate: %d studies, AUC %.3f (%.3f to %.3f), over a thumbnail %.3f "
        "(%.3f to %.3f)",
        metrics.n_test_studies,
        *auc.limits,
        *margin.limits,
    )
