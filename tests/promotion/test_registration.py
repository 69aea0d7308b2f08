"""A bundle beside the model in use: let in, kept out, or not assessed."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.bundle import BundleCard, bundle_hash, read_bundle, write_bundle
from cxrmlops.model.network import build_network
from cxrmlops.model.training_patients import LEARNT, hashed_patient_ids
from cxrmlops.params import PromotionParams, load_params
from cxrmlops.promotion import approval, approval_log, champion_comparison, registration
from cxrmlops.promotion.approval import champion_bundle
from cxrmlops.records.tables import SPLITS, STUDIES
from cxrmlops.records.verdict import Verdict
from cxrmlops.registry import versions
from cxrmlops.registry.facts import COMMIT, DIRTY
from cxrmlops.registry.service import open_client
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint
from tests import make
from tests.conftest import ROOT
from tests.make_records import make_metrics, make_origin, make_verdict
from tests.registry.conftest import empty_mlflow  # noqa: F401  a fixture

approve = partial(approval.approve, scope=make.SCOPE)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
SPLIT = "1" * 64  # hash of the split that `make_train_inputs` writes
CARD = BundleCard(
    name="cxr-resnet18-32",
    architecture="resnet18_narrow",
    size=32,
    preprocessing_hash="0" * 64,
    scope=make.SCOPE,
    temperature=1.0,
    study_rule="max",
    operating_points=(
        OperatingPoint(BALANCED, 0.5, "for the test"),
        OperatingPoint(HIGH_SENSITIVITY, 0.2, "for the test"),
    ),
    lineage={"split_hash": SPLIT, "params": {"high_sensitivity": 0.98}},
)


@pytest.fixture
def data(tmp_path, monkeypatch, empty_mlflow):  # noqa: F811
    """A project with films and a split, and an empty registry; we stand in it."""
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    make.make_train_inputs(tmp_path / "data", patients=120)
    return tmp_path / "data"


def train(
    data, *, seed: int, own_thresholds: bool = True, split: str = SPLIT, learnt=None
) -> str:
    """Leave what a training, an evaluation and the gate leave; nobody learns."""
    reference = (
        {} if learnt is None else {LEARNT: np.unique(hashed_patient_ids(learnt))}
    )
    torch.manual_seed(seed)
    network, folder = build_network("resnet18_narrow"), data / "train" / "bundle"
    lineage = CARD.lineage | {"split_hash": split, "seed": seed}
    card = replace(CARD, lineage=lineage)
    write_bundle(folder, network, card=card, reference=reference)
    val = champion_comparison.read_side(read_bundle(folder), "val", data=data)
    if own_thresholds:
        points = choose_points(
            val.probability, val.abnormal, val.split, high_sensitivity=0.98
        )
        card = replace(card, operating_points=points)
    found = write_bundle(folder, network, card=card, reference=reference)
    STUDIES.write(val, data / "train")
    test = champion_comparison.read_side(read_bundle(folder), "test", data=data)
    STUDIES.write(test, data / "evaluate")
    measure(data, found)
    return found


def measure(data, found: str) -> None:
    """Leave figures and a verdict about this bundle."""
    hashes = {"bundle_hash": found, "test_hash": "2" * 64}
    make_metrics(**hashes).write(data / "evaluate/figures.json")
    make_verdict(**hashes).write(data / "gate/verdict.json")
    make_origin().write(data / "train/origin.json")


def offer(data, *, margin: float = 1.0, **gate: object) -> registration.Offer:
    client, name = open_client(), Verdict.read(data / "gate/verdict.json").bundle_hash
    runs = client.search_runs(["0"], f"tags.bundle = '{name}'")
    run = runs[0] if runs else client.create_run("0", tags={"bundle": name})
    return registration.offer(
        run.info.run_id, params=promotion(max_auc_loss=margin, **gate),
        data=data,
    )  # fmt: skip


def promotion(**quirks: object) -> PromotionParams:
    return load_params(ROOT / "params.yaml").promotion.model_copy(update=quirks)


@pytest.fixture
def champion(data) -> str:
    found = train(data, seed=0)
    offer(data)
    approve("candidate", name="A. Person", reason="first", params=promotion())
    return found


def test_the_first_model_has_nobody_to_be_compared_with(data):
    train(data, seed=0)

    first = offer(data)

    assert first == registration.Offer(
        "registered as version 1 (candidate); model 1 measured on this test set"
    )


def test_what_approval_will_refuse_is_said_at_registration(data):
    found = train(data, seed=0)
    tags = {"bundle": found, COMMIT: "c" * 40, DIRTY: "yes"}
    open_client().create_run("0", tags=tags)

    said = offer(data).said

    assert "approve will refuse it: version 1 was trained on code with uncomm" in said
    assert "approve will refuse" not in offer(data, clean_code=False).said


def test_a_candidate_is_compared_once_and_its_standing_is_shown_at_approval(
    data, champion, monkeypatch
):
    second = train(data, seed=1)

    said = offer(data).said

    assert said.startswith("registered as version 2 (candidate); AUC less the champ")
    assert "thresholds chosen anew on its own val" in said
    assert said.endswith("model 2 measured on this test set")
    version = versions.get("2")
    page = open_client().list_artifacts(version.run_id, "champion")[0].path
    assert page == f"champion/{champion[:12]}.json"
    tags = open_client().get_model_version(versions.MODEL, "2").tags
    assert tags["cxr.comparison"].startswith("pass: AUC less the champion's on the")
    monkeypatch.setattr(registration, "Challenge", None)  # films are not read again
    assert offer(data).said.startswith("version 2, registered before; AUC less")
    approved = approve("2", name="A. Person", reason="better", params=promotion())
    assert "AUC less the champion's on the same 12 test studies" in approved
    assert approval_log.in_use(approval_log.entries()) == second
    assert bundle_hash(champion_bundle()) == second


def test_a_worse_model_is_kept_out_and_the_history_says_why(data, champion):
    seeds = (train(data, seed=seed) for seed in range(1, 9))
    refused = next(o for o in (offer(data, margin=0.0) for _ in seeds) if o.refused)
    again = offer(data, margin=0.0)

    assert "below the margin of" in refused.said
    assert again == refused
    rows = [row for row in approval_log.entries() if row.event == approval_log.REFUSED]
    assert [(r.version, r.name) for r in rows] == [("none", "cxrmlops register")]
    assert rows[0].reason == refused.said
    assert versions.find(rows[0].bundle_hash) is None


def test_of_a_champion_from_another_split_nobody_knows_what_it_learnt_from(data):
    theirs = train(data, seed=0, split="9" * 64)
    offer(data)
    approve("candidate", name="A. Person", reason="first", params=promotion())
    mine = train(data, seed=1)

    said = offer(data).said

    assert "may be among these test patients" in said
    assert "registered as version 2" in said
    assert approval_log.count_look(mine, "2" * 64) == 2  # theirs at its own evaluation
    assert theirs != mine


def test_a_champion_from_another_split_reads_only_patients_it_never_met(data):
    test = images_of_test(data)
    met = test.patient_id.iloc[:4]
    offer_first(data, learnt=["somebody else", *met])
    train(data, seed=1)

    said = offer(data, min_compared_n=1).said

    assert "on the same 8 test studies" in said
    assert "4 test studies left out: the champion learnt from them" in said


def test_who_shares_an_image_with_a_patient_it_met_is_no_stranger_to_it(data):
    test = images_of_test(data)
    twins = test.patient_id.isin(test.patient_id.iloc[:2])
    images = SPLITS.read(data / "split")
    images.loc[images.index.isin(test.index[twins]), "group"] = "twins"
    SPLITS.write(images, data / "split")
    offer_first(data, learnt=[test.patient_id.iloc[0]])
    train(data, seed=1)

    said = offer(data, min_compared_n=1).said

    assert "2 test studies left out" in said


def test_a_champion_that_met_nearly_all_test_patients_is_not_compared(data):
    offer_first(data, learnt=images_of_test(data).patient_id.iloc[2:])
    mine = train(data, seed=1)

    said = offer(data, min_compared_n=2).said

    assert "did not learn from 1 ASF and 1 NSF studies of test, 2 of each" in said
    assert approval_log.count_look(mine, "2" * 64) == 2  # theirs at its own evaluation


def images_of_test(data):
    images = SPLITS.read(data / "split")
    return images[images.split == "test"].sort_values("study_id")


def offer_first(data, *, learnt):
    """Let a champion in that learnt from these patients of another split."""
    train(data, seed=0, split="9" * 64, learnt=learnt)
    offer(data)
    approve("candidate", name="A. Person", reason="first", params=promotion())


def test_thresholds_carried_over_are_kept_out(data, champion):
    folder = versions.fetch_bundle(versions.get("champion"))
    train(data, seed=1, own_thresholds=False)
    points = read_bundle(folder).card.operating_points
    own = read_bundle(data / "train/bundle")
    carried = replace(own.card, operating_points=points)
    found = write_bundle(data / "train/bundle", own.network, card=carried, reference={})
    measure(data, found)

    refused = offer(data)

    assert refused.refused
    assert "the champion's, carried over" in refused.said


def test_a_worn_test_set_is_warned_of(data):
    train(data, seed=0)
    approval_log.count_look("another", "2" * 64)

    offered = offer(data, warn_test_set_uses=1)

    assert "more than the 1 of promotion.warn_test_set_uses" in offered.said


def test_images_of_the_panel_are_the_same_for_every_pair(tmp_path):
    bundle = read_bundle(make.make_reading_bundle(tmp_path / "bundle"))

    first, second = (
        champion_comparison._panel(bundle),
        champion_comparison._panel(bundle),
    )

    assert first.shape == (champion_comparison.PANEL,)
    assert (first == second).all()
