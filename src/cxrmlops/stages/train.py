"""Train films -> a bundle, its epoch and thresholds chosen on val."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.data.shards import open_shards
from cxrmlops.data.split_membership import check_sides
from cxrmlops.data.squares import check_shards, image_squares
from cxrmlops.data.watched_studies import reference_studies
from cxrmlops.evaluation.performance.epoch_choice import loss_and_auc, study_judge
from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.augment import Augmentation
from cxrmlops.model.bundle import Bundle, BundleCard, write_bundle
from cxrmlops.model.compilation import is_worth_compiling
from cxrmlops.model.device import (
    Device,
    choose_precision,
    describe,
    enough_memory,
    open_fabric,
    versions,
)
from cxrmlops.model.fitting import fit
from cxrmlops.model.inference import calibrated
from cxrmlops.model.learner import Hyperparameters
from cxrmlops.model.loader import ImageDataset
from cxrmlops.model.lock import only_training
from cxrmlops.model.member_fitting import Trained, fit_members
from cxrmlops.model.network import EvidenceResNet, build_network
from cxrmlops.model.out_of_distribution import fit_familiar
from cxrmlops.model.precision_trial import IMAGES, measure
from cxrmlops.model.pretrained import find_weights, is_place
from cxrmlops.model.reference import read_stored_images, reference_arrays
from cxrmlops.model.training import LabelledImages
from cxrmlops.model.training_patients import (
    KnownPatients,
    check_no_training_overlap,
    inherited_patients,
    marks,
    warn_of_unknown_patients,
)
from cxrmlops.model.watch_reference import named_directions, to_arrays
from cxrmlops.params import TrainParams
from cxrmlops.records.origin import UNTOLD, Origin
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import HISTORY, INDEX, SPLITS, STUDIES
from cxrmlops.records.training import Training
from cxrmlops.stage_code import stage_code_hash
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import sha256_file, sha256_json, whole_folder, work_folder
from cxrmlops.vocabulary.findings import OperatingPoint
from cxrmlops.vocabulary.scope import Scope

SIDES = ("train", "val")  # test is not for us: its pixels are never read here
CLOUD = 2000  # films of train that say what is like them

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ValidationResult:
    """What val adds to the weights."""

    temperature: float
    points: tuple[OperatingPoint, ...]
    studies: pd.DataFrame
    reference: dict[str, np.ndarray]
    sample: np.ndarray  # squares of val, shape (n, size, size), uint8
    loss: float  # nats per study, calibrated
    auc: float  # of studies


def run(
    *,
    preprocess: Path,
    split: Path,
    out: Path,
    params: TrainParams,
    on_epoch: Callable[[dict[str, float]], None] = lambda figures: None,
    origin: Origin = UNTOLD,
) -> None:
    """Write bundle/, history and studies (val) .parquet, training and origin .json.

    A killed run goes on after its last whole epoch.

    Args:
        preprocess: shards, index.parquet and preprocessing.json.
        split: images.parquet and manifest.json.
        out: replaced whole.
        params: section train of params.yaml.
        on_epoch: told the figures of every epoch as it ends.
        origin: code and packages of now; of a killed run those of its first start stay.

    Raises:
        DataError: a side has no films, or films of one class only.
        LeakError: a patient on two sides, or weights to begin with that know patients
            of test, or learnt from patients of val.
        ParamsError: an unknown architecture, weights that do not fit, a loss that
            is not a number any more.
        ResourceError: no GPU, too little memory or disk, another training runs, or
            the first weights are not here and cannot be fetched.
    """
    with only_training():
        weights = _begin_with(params)
        before = inherited_patients(weights)
        images = _read_rows(split, before, params)
        lineage = _lineage(preprocess, split, images, params, weights)
        work = work_folder("train", lineage)
        origin = _first(origin, work / "origin.json")
        trained = _learn(preprocess, images, params, weights, work, on_epoch)
        if not trained.is_first:
            return
        judged = _judge(trained, preprocess, images, params)
        judged.reference.update(
            marks(images.patient_id, images.patient_id[images.split == "val"], before)
        )
        with whole_folder(out) as draft:
            _write(draft, trained, judged, lineage=lineage, params=params)
            origin.write(draft / "origin.json")
        shutil.rmtree(work.parent)  # older keys of this stage are stale
    _tell(trained, judged)


def _first(origin: Origin, kept: Path) -> Origin:
    """Keep what training began on: a commit made before it went on is not its own."""
    if kept.exists():
        return Origin.read(kept)
    origin.write(kept)
    return origin


def _begin_with(params: TrainParams) -> Path | None:
    """Find the file of the first weights, before hours are spent; None: none."""
    if params.weights is None:
        return None
    file = find_weights(params.architecture, params.weights)
    if is_place(params.weights):
        warn_of_unknown_patients(file)
    return file


def _read_rows(split: Path, before: KnownPatients, params: TrainParams) -> pd.DataFrame:
    """Read the rows of train and val, in an order that does not depend on the file."""
    images = SPLITS.read(split)
    check_sides(images, policy=SplitManifest.read(split / "manifest.json").policy)
    val, test = (images.patient_id[images.split == side] for side in ("val", "test"))
    check_no_training_overlap(val, test, before, weights=str(params.weights))
    images = images[images.split.isin(SIDES)].sort_values("image_id", ignore_index=True)
    for side in SIDES:
        abnormal = images.abnormal[images.split == side]
        if abnormal.all() or not abnormal.any():  # both are true of an empty side
            raise DataError(
                f"split '{side}' holds {int(abnormal.sum())} ASF and "
                f"{int((~abnormal).sum())} NSF images, training needs both; enlarge "
                "the cohort or change the section split of params.yaml"
            )
    return images


def _lineage(
    preprocess: Path,
    split: Path,
    images: pd.DataFrame,
    params: TrainParams,
    weights: Path | None,
) -> dict[str, Any]:
    """Name everything that decides the result, by hashes and plain values."""
    manifest = SplitManifest.read(split / "manifest.json")
    pixels = Preprocessing.read(preprocess / "preprocessing.json")
    known = ["image_id", "study_id", "split", "abnormal", "pixel_hash"]
    return {
        "split_hash": manifest.hash,
        "test_hash": manifest.test_hash,
        "rows_hash": sha256_json(images[known].to_dict("split")),
        "preprocessing_hash": pixels.hash,
        "size": pixels.size,
        "scope": pixels.scope.to_json(),
        "code_hash": stage_code_hash("train"),
        "weights_hash": sha256_file(weights) if weights else None,
        "params": params.model_dump(mode="json"),
        "seed": params.seed,
        "n": {side: manifest.n[side].model_dump() for side in SIDES},
        **versions(),
    }


def _learn(
    preprocess: Path,
    images: pd.DataFrame,
    params: TrainParams,
    weights: Path | None,
    work: Path,
    on_epoch: Callable[[dict[str, float]], None],
) -> Trained:
    fabric = open_fabric(
        accelerator=params.accelerator,
        devices=params.devices,
        nodes=params.nodes,
        precision=params.precision,
    )
    fabric.launch()

    def make_network(member: int) -> EvidenceResNet:
        return build_network(
            params.architecture,
            weights=weights,
            pooling=params.pooling,
            output_stride=params.output_stride,
            member=member,
        )

    with enough_memory(f"train.batch_size {params.batch_size}"):
        sides = [images[images.split == side] for side in SIDES]
        lessons = [
            LabelledImages(
                _images(preprocess, rows, fabric.device), rows.abnormal.to_numpy()
            )
            for rows in sides
        ]
        log.info(
            "train: %s on %s, %s; %d films to learn from, %d to judge by",
            params.architecture,
            describe(fabric.device),
            choose_precision(params.precision, fabric.device),
            *(lesson.images.n for lesson in lessons),
        )
        fit_one = partial(
            fit,
            train=lessons[0],
            val=lessons[1],
            patience=params.patience,
            judge=study_judge(sides[1], rule=params.study_rule),
        )
        return fit_members(
            fabric,
            make_network,
            replace(
                _recipe(params),
                compile=is_worth_compiling(
                    fabric.device, asked=params.compile, setting="train.compile"
                ),
            ),
            fit_one,
            members=params.seeds,
            work=work,
            on_epoch=on_epoch,
        )


def _recipe(params: TrainParams) -> Hyperparameters:
    return Hyperparameters(
        seed=params.seed,
        epochs=params.epochs,
        batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        stem_rate=params.stem_rate,
        weight_decay=params.weight_decay,
        warmup_epochs=params.warmup_epochs,
        ema_decay=params.ema_decay,
        label_smoothing=params.label_smoothing,
        class_weights=params.class_weights,
        augmentation=Augmentation(**params.augment.model_dump()),
        progressive=tuple((step.size, step.epochs) for step in params.progressive),
    )


def _images(preprocess: Path, rows: pd.DataFrame, device: Device) -> ImageDataset:
    shards = open_shards(preprocess)
    check_shards(shards, rows, folder=preprocess)
    shard, row = rows.shard.to_numpy(), rows.row.to_numpy()
    return ImageDataset(shards, shard, row, device=device)


def _judge(
    trained: Trained, preprocess: Path, images: pd.DataFrame, params: TrainParams
) -> _ValidationResult:
    """Fit on val what is not a weight; the shift goes into the network's bias."""
    train, rows = (images[images.split == side] for side in SIDES)
    learnt, read = (
        read_stored_images(
            trained.network,
            preprocess,
            chosen,
            device=trained.device,
            batch_size=params.batch_size,
        )
        for chosen in (_spread(train, CLOUD), rows)
    )
    logit = read.logit
    rule = params.study_rule
    as_they_are = join_studies(rows, logit, rule=rule, temperature=1.0)
    fitted = fit_temperature(as_they_are.logit, as_they_are.abnormal, as_they_are.split)
    loss, auc = loss_and_auc(as_they_are, fitted)
    trained.network.shift(fitted.shift)
    logit = logit + np.float32(fitted.shift)
    probability = calibrated(logit, temperature=fitted.temperature)
    studies = join_studies(rows, logit, rule=rule, temperature=fitted.temperature)
    points = choose_points(
        studies.probability,
        studies.abnormal,
        studies.split,
        high_sensitivity=params.high_sensitivity,
    )
    familiar = fit_familiar(learnt.features, read.features)
    reference = reference_arrays(
        trained.network, probability, val=read, familiar=familiar
    )
    reference |= to_arrays(
        reference_studies(
            rows,
            INDEX.read(preprocess),
            studies,
            distance=familiar.distance(read.features) if familiar else None,
            directions=named_directions(read.features, familiar),
        ),
        patients=studies.patient_id.nunique(),
    )
    return _ValidationResult(
        fitted.temperature,
        points,
        studies,
        reference,
        sample=image_squares(preprocess)(_spread(rows, IMAGES)),
        loss=loss,
        auc=auc,
    )


def _spread(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return n rows at most, from the first to the last at equal distances."""
    return rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), n)).astype(int)]


def _write(
    draft: Path,
    trained: Trained,
    judged: _ValidationResult,
    *,
    lineage: dict[str, Any],
    params: TrainParams,
) -> None:
    figures = trained.summary | {"val_loss": judged.loss, "val_auc": judged.auc}
    several = f"-x{params.seeds}" if params.seeds > 1 else ""
    card = BundleCard(
        name=f"cxr-{params.architecture}-{lineage['size']}{several}",
        architecture=params.architecture,
        size=lineage["size"],
        preprocessing_hash=lineage["preprocessing_hash"],
        scope=Scope.from_json(lineage["scope"]),
        temperature=judged.temperature,
        study_rule=params.study_rule,
        operating_points=judged.points,
        pooling=params.pooling,
        output_stride=params.output_stride,
        networks=params.seeds,
        lineage={k: v for k, v in lineage.items() if k != "scope"}
        | {"training": figures},
    )
    agreement = measure(
        Bundle(trained.network, card, "", judged.reference),
        judged.sample,
        accelerator=params.accelerator,
        batch_size=params.batch_size,
    )
    card = replace(card, agreement=agreement)
    bundle_hash = write_bundle(
        draft / "bundle", trained.network, card=card, reference=judged.reference
    )
    HISTORY.write(HISTORY.from_rows(trained.history), draft)
    STUDIES.write(judged.studies, draft)
    told = figures | trained.times
    told |= {"device": describe(trained.device), "seed": params.seed}
    Training(bundle_hash=bundle_hash, n=lineage["n"], **told).write(
        draft / "training.json"
    )


def _tell(trained: Trained, judged: _ValidationResult) -> None:
    log.info(
        "train: best of %d epochs is %s, temperature %.2f",
        len(trained.history),
        ", ".join(map(str, trained.best_epochs)),
        judged.temperature,
    )
    if (n := len(trained.best_epochs)) > 1:
        log.info(
            "train: %d networks in the bundle: a night takes %d times as long as "
            "with one",
            n,
            n,
        )
