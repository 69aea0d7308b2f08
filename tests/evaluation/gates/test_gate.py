from dataclasses import fields, replace

import numpy as np
import pytest

from cxrmlops.data.split_membership import split_hash
from cxrmlops.evaluation.gates.gate import Bounds, judge, judge_assessed, leaks
from cxrmlops.params import GateParams
from cxrmlops.records.metrics import SubgroupFigures
from tests.make import make_manifest, make_splits
from tests.make_records import (
    estimate,
    good_figures,
    make_expectation,
    make_gate,
    make_metrics,
    make_validation,
)

BOUNDS = Bounds(
    min_auc_lower=0.945,
    min_recall_asf_lower=0.85,
    min_recall_nsf_lower=0.85,
    min_high_sensitivity_lower=0.95,
    max_ece=0.06,
    min_test_studies=500,
    min_thumbnail_margin=0.05,
)
VALIDATION = make_validation()


def group(name="sex", level="F", *, n=500, n_asf=250, auc=(0.93, 0.95, 0.97)):
    return SubgroupFigures(
        group=name,
        level=level,
        n=n,
        n_asf=n_asf,
        n_nsf=n - n_asf,
        verdict="assessed" if auc else "not_assessed",
        auc=estimate(*auc, n=n) if auc else None,
        gap=None,
        recall_asf=None,
        recall_nsf=None,
    )


def case(*, images=None, policy="patient", figures=None, groups=(), **metrics):
    images = make_splits(patients=30) if images is None else images
    test = images[images.split == "test"]
    whole = split_hash(images.image_id, images.split)
    part = split_hash(test.image_id, test.split)
    measured = {
        "figures": good_figures() | (figures or {}),
        "subgroups": tuple(groups),
        "split_hash": whole,
        "test_hash": part,
    }
    return {
        "metrics": make_metrics(**measured | metrics),
        "images": images,
        "manifest": make_manifest(policy=policy, hash=whole, test_hash=part),
    }


def failed(given, *, validation=VALIDATION, bounds=BOUNDS):
    gates = judge(
        given["metrics"],
        given["images"],
        manifest=given["manifest"],
        validation=validation,
        bounds=bounds,
    )
    return {gate.name: gate for gate in gates if gate.verdict == "fail"}


def test_a_model_like_the_source_studys_passes():
    assert failed(case(groups=[group()])) == {}


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("auc", estimate(0.944, 0.96, 0.97)),
        ("balanced.recall_asf", estimate(0.849, 0.87, 0.89)),
        ("balanced.recall_nsf", estimate(0.849, 0.87, 0.89)),
        ("high_sensitivity.recall_asf", estimate(0.949, 0.97, 0.99)),
        ("ece", estimate(0.0, 0.05, 0.061)),
    ],
)
def test_the_bad_end_of_the_interval_decides_not_the_point(name, figure):
    assert list(failed(case(figures={name: figure}))) == [name]


def test_a_bound_that_is_just_reached_is_enough():
    reached = {"auc": estimate(0.945, 0.96, 0.97), "ece": estimate(0, 0.01, 0.06)}

    assert failed(case(figures=reached)) == {}


def test_a_network_no_better_than_a_thumbnail_is_refused_with_the_reason():
    close = {"auc_over_thumbnail": estimate(0.049, 0.1, 0.15)}

    gate = failed(case(figures=close))["thumbnail"]

    assert gate.reason == (
        "AUC over a 16 x 16 thumbnail: 95 % lower bound 0.0490 is under 0.0500"
    )
    assert (gate.value, gate.bound, gate.n) == (0.049, 0.05, 2013)


def test_a_headline_figure_that_is_missing_is_refused():
    given = case()
    del given["metrics"].figures["balanced.recall_nsf"]

    gate = failed(given)["balanced.recall_nsf"]

    assert gate.reason == "recall NSF at the balanced point could not be computed"


def test_too_few_test_studies_are_refused():
    assert list(failed(case(n_test_studies=499))) == ["test_studies"]


@pytest.mark.parametrize(("bound", "answer"), [(0.5, "pass"), (0.49, "not_assessed")])
def test_too_many_questions_without_an_answer_are_no_pass_and_no_refusal(bound, answer):
    gates = [make_gate(), make_gate(verdict="not_assessed")]

    assert judge_assessed(gates, bound).verdict == answer


def test_failed_data_validation_is_refused():
    unmet = make_expectation(success=False)
    broken = make_validation(success=False, expectations=(unmet, make_expectation()))

    gate = failed(case(), validation=broken)["data_validation"]

    assert "data validation failed: 1 of 2 expectations unmet" in gate.reason


@pytest.mark.parametrize(
    ("column", "what"),
    [("patient_id", "patients"), ("group", "groups"), ("pixel_hash", "films")],
)
def test_whatever_stands_on_two_sides_is_refused(column, what):
    images = make_splits(patients=30)
    images.loc[29, column] = images.loc[0, column]

    gate = failed(case(images=images))["no_leak"]

    assert gate.reason == f"in more than one split: {what} 1"
    assert gate.value == 1


def test_the_draw_by_image_is_refused_for_leak_even_where_nobody_leaks():
    gate = failed(case(policy="case"))["no_leak"]

    assert gate.reason == "split policy 'case' leaks by design (none here)"


def test_a_clean_split_leaks_nothing():
    assert set(leaks(make_splits(patients=30, per_patient=3)).values()) == {0}


def test_figures_of_another_split_are_refused():
    gate = failed(case(split_hash="0" * 64))["same_data"]

    assert gate.reason == "split_hash of the figures differ from the split at hand"
    assert (gate.value, gate.bound) == (1, 0)


def test_a_split_table_that_was_changed_after_the_manifest_is_refused():
    given = case()
    images = given["images"]
    turned = np.where(images.split == "val", "train", images.split)
    given["images"] = images.assign(split=turned).astype({"split": "string"})

    assert list(failed(given)) == ["same_data"]


def test_thresholds_from_elsewhere_than_val_are_refused():
    gate = failed(case(thresholds_moved=0.02))["thresholds"]

    assert gate.reason == "a threshold is 0.0200 away from the one that val gives"


def test_every_bound_is_a_setting():
    assert {each.name for each in fields(Bounds)} <= set(GateParams.model_fields)


def test_a_looser_bound_lets_more_in():
    low = {"auc": estimate(0.80, 0.85, 0.9)}

    assert failed(case(figures=low), bounds=replace(BOUNDS, min_auc_lower=0.8)) == {}
