"""What evaluate and examine read: preprocess/, split/ and train/, untrained."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cxrmlops.data.shards import ShardWriter
from cxrmlops.data.split_membership import split_hash
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.bundle import BundleCard, write_bundle
from cxrmlops.model.ensemble import joined
from cxrmlops.model.network import build_network
from cxrmlops.model.skew import skew_logit
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import HISTORY, INDEX, NOT_EVALUABLE, SPLITS, STUDIES
from cxrmlops.stages.split import side_counts
from tests.make import (
    SCOPE,
    make_index,
    make_manifest,
    make_preprocessing,
    make_studies,
)
from tests.make_records import make_cohort_summary, make_training

PIXELS = "0" * 64  # hash of the preprocessing


def make_line(
    folder: Path, images: pd.DataFrame, *, size: int = 32, networks: int = 1
) -> Path:
    """Write all inputs for `images` (SPLITS rows); abnormal films are brighter."""
    manifest = _manifest(images)
    make_cohort_summary().write(folder / "cohort" / "exclusions.json")
    (folder / "cohort" / "flow.svg").write_text("<svg/>")
    _write_images(folder / "preprocess", images, size=size)
    INDEX.write(make_index(images), folder / "preprocess")
    SPLITS.write(images, folder / "split")
    NOT_EVALUABLE.write(NOT_EVALUABLE.empty(), folder / "split")
    manifest.write(folder / "split" / "manifest.json")
    val = make_studies(60, split="val", seed=1)
    STUDIES.write(val, folder / "train")
    card = _card(val, manifest.hash, size=size, networks=networks)
    _write_bundle(folder / "train" / "bundle", card)
    epochs: list[dict[str, object]] = [
        dict.fromkeys(HISTORY.columns, 0.5) | {"epoch": k} for k in (1, 2)
    ]
    HISTORY.write(HISTORY.from_rows(epochs), folder / "train")
    make_training().write(folder / "train" / "training.json")
    return folder


def _write_images(folder: Path, images: pd.DataFrame, *, size: int) -> None:
    rng = np.random.default_rng(0)
    shards = ShardWriter(folder, size=size, images_per_shard=10_000)
    for abnormal in images.abnormal:
        square = rng.integers(60, 90, size=(size, size), dtype=np.uint8)
        shards.add(square + np.uint8(20 * abnormal))
    shards.close()
    facts = make_preprocessing(hash=PIXELS, size=size)
    facts.write(folder / "preprocessing.json")


def _manifest(images: pd.DataFrame) -> SplitManifest:
    test = images[images.split == "test"]
    return make_manifest(
        hash=split_hash(images.image_id, images.split),
        test_hash=split_hash(test.image_id, test.split),
        n={
            side: side_counts(images[images.split == side])
            for side in ("train", "val", "test")
        },
    )


def _card(val: pd.DataFrame, split: str, *, size: int, networks: int) -> BundleCard:
    return BundleCard(
        name="cxr-resnet18",
        architecture="resnet18_narrow",
        size=size,
        preprocessing_hash=PIXELS,
        scope=SCOPE,
        temperature=1.5,
        study_rule="max",
        operating_points=choose_points(
            val.probability, val.abnormal, val.split, high_sensitivity=0.98
        ),
        networks=networks,
        lineage={"split_hash": split, "params": {"high_sensitivity": 0.98}},
    )


def _write_bundle(folder: Path, card: BundleCard) -> None:
    torch.manual_seed(0)
    network = joined([build_network("resnet18_narrow") for _ in range(card.networks)])
    answers = {"skew_logit": skew_logit(network, card.size)}
    write_bundle(folder, network, card=card, reference=answers)
