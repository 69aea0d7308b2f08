"""
Each kind of bad model is refused for its own reason, and a good one is not.

Films with stripes, across or along, that only a network can tell: a 16 x 16 thumbnail
averages them away. One network is trained by the stage itself; then its bundle, or the
split, is spoilt in one way at a time.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cxrmlops.data.shards import ShardWriter
from cxrmlops.data.split_membership import split_hash
from cxrmlops.evaluation.gates.gate import Bounds, judge
from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.bundle import read_bundle, write_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.network import build_network
from cxrmlops.params import EvaluateParams
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import INDEX, NOT_EVALUABLE, SPLITS, STUDIES
from cxrmlops.stages import evaluate, train
from tests.evaluation.gates.test_gate import VALIDATION
from tests.make import (
    make_index,
    make_manifest,
    make_preprocessing,
    make_splits,
    make_train_params,
)
from tests.make_records import make_cohort_summary

pytestmark = pytest.mark.slow

SIZE = 32
BOUNDS = Bounds(
    min_auc_lower=0.8,
    min_recall_asf_lower=0.7,
    min_recall_nsf_lower=0.7,
    min_high_sensitivity_lower=0.75,
    max_ece=0.15,
    min_test_studies=150,
    min_thumbnail_margin=0.1,
)
STILL = dict.fromkeys(("rotate_degrees", "scale", "shift", "gamma", "noise"), 0)


def make_stripes(images, *, seed=0):
    """Stripes of two pixels: across for ASF, along for NSF; one label in 20 is wrong.

    Contrast and brightness differ from film to film, and say nothing.
    """
    rng = np.random.default_rng(seed)
    across = images.abnormal.to_numpy() ^ (rng.random(len(images)) < 0.05)
    stripes = np.tile([[1.0], [-1.0]], (SIZE // 2, SIZE))
    for row in across:
        contrast, level = rng.uniform(5, 40), rng.uniform(70, 180)
        image = level + contrast * (stripes if row else stripes.T)
        yield np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def manifest_of(images, *, policy="patient"):
    test = images[images.split == "test"]
    return make_manifest(
        policy=policy,
        hash=split_hash(images.image_id, images.split),
        test_hash=split_hash(test.image_id, test.split),
    )


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    images = make_splits(patients=600)
    sides = np.repeat(["train", "val", "test"], [300, 120, 180])
    images = images.assign(split=sides).astype(SPLITS.columns)
    shards = ShardWriter(folder / "preprocess", size=SIZE, images_per_shard=10_000)
    for image in make_stripes(images):
        shards.add(image)
    shards.close()
    INDEX.write(make_index(images), folder / "preprocess")
    pixels = make_preprocessing(size=SIZE)
    pixels.write(folder / "preprocess" / "preprocessing.json")
    make_cohort_summary().write(folder / "cohort" / "exclusions.json")
    (folder / "cohort" / "flow.svg").write_text("<svg/>")
    write_split(folder, images, manifest_of(images))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        learn(folder)
    return folder


def write_split(folder, images, manifest):
    SPLITS.write(images, folder / "split")
    NOT_EVALUABLE.write(NOT_EVALUABLE.empty(), folder / "split")
    manifest.write(folder / "split" / "manifest.json")


def learn(folder):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train.run(
        preprocess=folder / "preprocess",
        split=folder / "split",
        out=folder / "train",
        params=make_train_params(
            epochs=6, batch_size=32, learning_rate=1e-3, ema_decay=0.8, augment=STILL
        ),
    )
    torch.set_num_threads(threads)


@pytest.fixture
def project(line, tmp_path):
    """What a spoiler may change: train/ and split/; the films are shared."""
    for name in ("preprocess", "cohort"):
        (tmp_path / name).symlink_to(line / name)
    for path in line.glob("*/**/*"):
        place = tmp_path / path.relative_to(line)
        if path.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return tmp_path


def refused(folder):
    """Evaluate and judge: gate -> reason of those that failed."""
    evaluate.run(
        cohort=folder / "cohort",
        preprocess=folder / "preprocess",
        split=folder / "split",
        train=folder / "train",
        out=folder / "evaluate",
        params=EvaluateParams(
            bootstrap_rounds=200, seed=1, ece_bins=5, prevalences=[0.1]
        ),
    )
    gates = judge(
        Metrics.read(folder / "evaluate" / "figures.json"),
        SPLITS.read(folder / "split"),
        manifest=SplitManifest.read(folder / "split" / "manifest.json"),
        validation=VALIDATION,
        bounds=BOUNDS,
    )
    return {gate.name: gate.reason for gate in gates if gate.verdict == "fail"}


def rewrite(folder, bundle, *, network=None, val=None, **changed):
    """Put another bundle, and what it says of val, in the place of the trained one."""
    if val is not None:
        STUDIES.write(val, folder / "train")
    write_bundle(
        folder / "train" / "bundle",
        network or bundle.network,
        card=replace(bundle.card, **changed),
        reference=dict(bundle.reference),
    )


def points_of(studies):
    return choose_points(
        studies.probability, studies.abnormal, studies.split, high_sensitivity=0.98
    )


def read_val(folder, bundle):
    images = SPLITS.read(folder / "split")
    val = images[images.split == "val"].sort_values("image_id")
    squares = np.load(folder / "preprocess" / "shard-000.npy")[val.row.to_numpy()]
    return val, Reader(bundle).read(squares).logit


def test_a_model_that_learnt_from_train_alone_passes(project):
    assert refused(project) == {}


def test_a_model_whose_test_patients_were_seen_in_training_is_refused_for_the_leak(
    project,
):
    """The same films and sides, drawn film by film: two films a patient."""
    images = SPLITS.read(project / "split")
    names = np.random.default_rng(0).permutation(np.repeat(np.arange(300), 2))
    images["patient_id"] = images["group"] = [f"P{k:03d}" for k in names]
    write_split(
        project, images.astype(SPLITS.columns), manifest_of(images, policy="case")
    )

    reasons = refused(project)

    assert list(reasons) == ["no_leak"]
    assert reasons["no_leak"].startswith(
        "split policy 'case' leaks by design (patients"
    )


def test_a_model_whose_thresholds_were_tuned_on_test_is_refused_for_them(project):
    refused(project)
    peeked = STUDIES.read(project / "evaluate").assign(split="val")
    rewrite(
        project,
        read_bundle(project / "train" / "bundle"),
        operating_points=points_of(peeked),
    )

    reasons = refused(project)

    assert list(reasons) == ["thresholds"]
    assert "away from the one that val gives" in reasons["thresholds"]


def test_a_model_of_random_weights_is_refused_for_what_it_cannot_tell(project):
    bundle = read_bundle(project / "train" / "bundle")
    torch.manual_seed(5)
    network = build_network("resnet18_narrow")
    rewrite(project, bundle, network=network)
    rows, logit = read_val(project, read_bundle(project / "train" / "bundle"))
    fitted = fit_temperature(logit, rows.abnormal, rows.split)
    network.shift(fitted.shift)
    logit = logit + np.float32(fitted.shift)
    val = join_studies(rows, logit, rule="max", temperature=fitted.temperature)
    rewrite(
        project,
        bundle,
        network=network,
        val=val,
        temperature=fitted.temperature,
        operating_points=points_of(val),
    )

    reasons = refused(project)

    assert reasons["auc"].startswith("AUC: 95 % lower bound")
    assert set(reasons) >= {"auc", "thumbnail"}
    # what it answers is honest: bad thresholds or leaks are not the reason
    assert not set(reasons) & {"no_leak", "same_data", "thresholds"}


def test_a_miscalibrated_model_is_refused_for_its_probabilities(project):
    bundle = read_bundle(project / "train" / "bundle")
    rows, logit = read_val(project, bundle)
    unsure = 20 * bundle.card.temperature  # every probability close to one half
    val = join_studies(rows, logit, rule="max", temperature=unsure)
    rewrite(
        project, bundle, val=val, temperature=unsure, operating_points=points_of(val)
    )

    reasons = refused(project)

    assert list(reasons) == ["ece"]
    assert reasons["ece"].startswith("calibration error: 95 % upper bound")
