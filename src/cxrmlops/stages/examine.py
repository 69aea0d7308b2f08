"""Bundle + train and val films -> shortcuts, and what the network looks at."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.data.placement import placed
from cxrmlops.data.split_membership import check_sides
from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.dicom.identity import pseudonym_key
from cxrmlops.evaluation.examination.box_overlap import GRID, measure_boxes
from cxrmlops.evaluation.examination.image_changes import CHANGES
from cxrmlops.evaluation.examination.map_figures import measure_maps
from cxrmlops.evaluation.examination.robustness import measure_change
from cxrmlops.evaluation.examination.shortcuts import (
    INTENSITY,
    SIZE,
    measure_inflation,
    measure_shortcuts,
    measure_told_apart,
)
from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.evaluation.performance.thumbnail import shrink
from cxrmlops.model.bundle import read_bundle, require_preprocessing, require_split
from cxrmlops.model.embedding import read_embeddings
from cxrmlops.model.ensemble import Network
from cxrmlops.model.inference import BATCH, Reader
from cxrmlops.model.map_checks import draw_maps, road, shuffled
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_image, evidence_on_square
from cxrmlops.params import ExamineParams
from cxrmlops.records.examination import (
    AnswerChange,
    BoxFigures,
    Examination,
    MapFigures,
)
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import INDEX, SPLITS, STUDIES
from cxrmlops.reporting.examination_report import write_examination
from cxrmlops.reporting.overlay import above_threshold
from cxrmlops.system.files import whole_folder
from cxrmlops.vocabulary.findings import BALANCED

SIDES = ("train", "val")  # test is read once, by evaluate: its pixels stay unseen here

log = logging.getLogger(__name__)


def run(
    *, preprocess: Path, split: Path, train: Path, out: Path, params: ExamineParams
) -> None:
    """Write examination.json and report.html.

    Probes learn on train and are read on val. Twice on the same inputs gives the same
    bytes.

    Raises:
        BundleError: the bundle is missing, changed, or learnt from other pixels.
        DataError: an input is missing.
        LeakError: a patient on two sides, or the bundle learnt from another split.
    """
    manifest = SplitManifest.read(split / "manifest.json")
    images = _images(preprocess, split, policy=manifest.policy)
    bundle = read_bundle(train / "bundle")
    pixels = Preprocessing.read(preprocess / "preprocessing.json")
    require_preprocessing(bundle.card, pixels.hash)
    require_split(bundle.card, manifest.hash)
    studies = STUDIES.read(train)
    squares = image_squares(preprocess)
    drawn = draw_studies(images[images.split == "val"], params)

    thumbnails = np.concatenate([shrink(squares(part)) for part in in_parts(images)])
    reader = Reader(bundle, batch_size=BATCH)
    embedding = read_embeddings(reader, squares(drawn))
    mapped = squares(drawn.drop_duplicates("study_id")[: params.map_images])
    rule = bundle.card.study_rule
    examination = Examination(
        shortcuts=tuple(measure_shortcuts(images, thumbnails, rule=rule)),
        inflation=tuple(measure_inflation(studies)),
        told_apart=tuple(measure_told_apart(drawn, embedding)),
        robustness=tuple(_robustness(drawn, reader, squares(drawn))),
        maps=_maps(reader.network, mapped, params),
        boxes=tuple(_boxes(images, reader, squares, params)),
        n_val_studies=len(studies),
        n_drawn_studies=int(drawn.study_id.nunique()),
        n_drawn_images=len(drawn),
        bundle_hash=bundle.hash,
        split_hash=manifest.hash,
    )

    with whole_folder(out) as draft:
        examination.write(draft / "examination.json")
        write_examination(draft / "report.html", examination, name=bundle.card.name)
    _tell(examination)


def draw_studies(images: pd.DataFrame, params: ExamineParams) -> pd.DataFrame:
    """Draw studies with all their films; the same seed and studies, the same draw."""
    names = np.unique(images.study_id.to_numpy(dtype=str))
    order = np.random.default_rng(params.seed).permutation(names)
    return images[images.study_id.isin(order[: params.studies])]


def _images(preprocess: Path, split: Path, *, policy: str) -> pd.DataFrame:
    """Read the rows of train and val, with the numbers of their films beside them."""
    images = SPLITS.read(split)
    check_sides(images, policy=policy)
    images = images[images.split.isin(SIDES)].sort_values("image_id", ignore_index=True)
    numbers = INDEX.read(preprocess)[["image_id", *SIZE, *INTENSITY]]
    return images.merge(numbers, on="image_id", how="left", validate="one_to_one")


def _robustness(
    images: pd.DataFrame, reader: Reader, squares: np.ndarray
) -> list[AnswerChange]:
    def studies(squares: np.ndarray) -> pd.DataFrame:
        answers = reader.read(squares)
        card = reader.bundle.card
        return join_studies(
            images, answers.logit, rule=card.study_rule, temperature=card.temperature
        )

    before = studies(squares)
    return [
        measure_change(name, before, studies(change(squares)))
        for name, change in CHANGES.items()
    ]


def _maps(network: Network, squares: np.ndarray, params: ExamineParams) -> MapFigures:
    maps = draw_maps(network, squares, seed=params.seed)
    size = squares.shape[-1]
    places = cell_places(network, size)
    few = slice(params.road_images)
    nowhere = shuffled(maps.evidence[few], seed=params.seed)
    pointed, at_random = (
        road(
            network,
            squares[few],
            evidence_on_square(each, places=places, size=size, side=size),
            seed=params.seed,
        )
        for each in (maps.evidence[few], nowhere)
    )
    on_square = evidence_on_square(maps.evidence, places=places, size=size, side=GRID)
    return measure_maps(
        maps.evidence,
        on_square=on_square,
        redrawn=maps.redrawn,
        all_redrawn=maps.all_redrawn,
        repeated=maps.repeated,
        road=(pointed, at_random),
    )


def _boxes(
    images: pd.DataFrame,
    reader: Reader,
    squares: Callable[[pd.DataFrame], np.ndarray],
    params: ExamineParams,
) -> list[BoxFigures]:
    if params.boxes is None:
        return []
    boxes = read_boxes(params.boxes, pseudonym_key(), images)
    boxed = images[images.image_id.isin(boxes.image_id)]
    if boxed.empty:
        return []
    return measure_boxes(
        boxed, _on_film(boxed, reader, squares), boxes, seed=params.seed
    )


def _on_film(
    images: pd.DataFrame,
    reader: Reader,
    squares: Callable[[pd.DataFrame], np.ndarray],
) -> np.ndarray:
    """Lay the evidence above the threshold over each film: shape (n, GRID, GRID)."""
    card = reader.bundle.card
    places = cell_places(reader.network, card.size)
    threshold = next(p.threshold for p in card.operating_points if p.name == BALANCED)
    heat = []
    for part in in_parts(images):
        answers = reader.read(squares(part))
        for evidence, logit, rows, columns in zip(
            answers.evidence, answers.logit, part["rows"], part["columns"], strict=True
        ):
            above = above_threshold(
                evidence,
                pooling=card.pooling,
                logit_of_image=float(logit),
                temperature=card.temperature,
                threshold=threshold,
            )
            heat.append(
                evidence_on_image(
                    above,
                    placed(rows, columns, size=card.size),
                    places=places,
                    rows=GRID,
                    columns=GRID,
                )
            )
    return np.stack(heat)


def _tell(examination: Examination) -> None:
    found = [(each.auc, each.name) for each in examination.shortcuts if each.auc]
    auc, name = max(found, key=lambda each: each[0].value)
    log.info(
        "examine: %d val studies; of %d shortcuts '%s' reaches most, AUC %.3f "
        "(%.3f to %.3f)",
        examination.n_val_studies,
        len(found),
        name,
        *auc.limits,
    )
