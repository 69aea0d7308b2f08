from dataclasses import fields

import pytest

from cxrmlops.evaluation.gates.examination_gate import (
    ExaminationBounds,
    judge_examination,
)
from cxrmlops.params import GateParams, load_params

BOUNDS = ExaminationBounds(
    max_shortcut_auc=0.7,
    max_auc_inflation=0.05,
    min_subgroup_n=50,
    min_auc_change=-0.05,
    max_map_disagreement=1e-4,
    max_randomised_weights_correlation=0.5,
    min_repeated_correlation=0.8,
    min_road=0.0,
    max_corner_concentration=2.0,
    min_map_films=10,
)
METRICS = {"bundle_hash": "b" * 64, "split_hash": "5" * 64}


def interval(low, value, high, n=400):
    return {"value": value, "low": low, "high": high, "n": n}


def examination(**changes):
    """Build what `examine` finds of an honest model, one of each kind."""
    fair = interval(0.45, 0.5, 0.55)
    probes = [
        {"name": "manufacturer", "kind": "acquisition", "n": 400, "auc": fair},
        {"name": "age", "kind": "person", "n": 400, "auc": interval(0.7, 0.8, 0.9)},
        {"name": "corners", "kind": "outside", "n": 400, "auc": fair},
        {"name": "thumbnail", "kind": "picture", "n": 400,
         "auc": interval(0.7, 0.8, 0.9)},
    ]  # fmt: skip
    inflation = interval(-0.01, 0.0, 0.01)
    return {
        "shortcuts": probes,
        "inflation": [{"name": "manufacturer", "n": 400, "inflation": inflation}],
        "maps": maps(),
        "robustness": [change(interval(-0.02, -0.01, 0.0))],
    } | METRICS | changes  # fmt: skip


def change(auc_change):
    return {"name": "corners masked", "n": 400, "median": 0.01, "p95": 0.05,
            "auc_change": auc_change}  # fmt: skip


def maps(**changes):
    return {
        "n_films": 32,
        "grid": [8, 8],
        "disagreement": 1e-6,
        "redrawn": {"conv1": interval(-0.1, 0.0, 0.1, n=32)},
        "repeated": {"noise": interval(0.95, 0.97, 0.99, n=32)},
        "road": interval(0.1, 0.3, 0.5, n=12),
        "corners": interval(0.4, 0.6, 0.8, n=30),
        "borders": interval(0.4, 0.6, 0.8, n=30),
    } | changes


def judged(found):
    gates = judge_examination(found, METRICS, bounds=BOUNDS)
    return {gate.name: gate for gate in gates}


def failed(found):
    return [name for name, gate in judged(found).items() if gate.verdict == "fail"]


def test_a_model_without_shortcuts_passes():
    assert failed(examination()) == []


@pytest.mark.parametrize("number", [0, 2])
def test_a_label_that_can_be_read_without_a_lung_is_refused(number):
    found = examination()
    found["shortcuts"][number]["auc"] = interval(0.6, 0.65, 0.701)
    name = found["shortcuts"][number]["name"]

    assert failed(found) == [f"shortcut.{name}"]
    gate = judged(found)[f"shortcut.{name}"]
    assert (gate.value, gate.bound, gate.n) == (0.701, 0.7, 400)
    assert gate.reason == (
        f"AUC that {name} alone reaches on val: 95 % upper bound 0.7010 is over 0.7000"
    )


def test_age_and_the_whole_picture_may_say_something():
    assert {"shortcut.age", "shortcut.thumbnail"}.isdisjoint(judged(examination()))


def test_an_auc_that_comes_from_the_vendor_is_refused():
    inflation = interval(0.02, 0.04, 0.06)

    found = examination(
        inflation=[{"name": "manufacturer", "n": 400, "inflation": inflation}]
    )

    assert failed(found) == ["inflation.manufacturer"]


@pytest.mark.parametrize("figure", [None, interval(0.2, 0.5, 0.8, n=49)])
def test_what_cannot_be_assessed_is_not_a_pass(figure):
    found = examination()
    found["shortcuts"][0]["auc"] = figure
    found["inflation"][0]["inflation"] = figure

    gates = judged(found)

    for name in ("shortcut.manufacturer", "inflation.manufacturer"):
        assert gates[name].verdict == "not_assessed"
        assert gates[name].value is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("agreement", {"disagreement": 2e-4}),
        ("redrawn", {"redrawn": {"conv1": interval(0.3, 0.4, 0.51, n=32)}}),
        ("repeated.noise", {"repeated": {"noise": interval(0.79, 0.9, 0.95, n=32)}}),
        ("road", {"road": interval(-0.01, 0.3, 0.5, n=12)}),
        ("corners", {"corners": interval(1.5, 1.8, 2.1, n=30)}),
    ],
)
def test_heat_maps_that_mean_nothing_are_refused_for_their_own_reason(name, wrong):
    assert failed(examination(maps=maps(**wrong))) == [f"maps.{name}"]


def test_a_model_that_reads_the_markers_is_refused():
    found = examination(robustness=[change(interval(-0.051, -0.03, -0.01))])

    assert failed(found) == ["robustness.corners_masked"]
    assert judged(found)["robustness.corners_masked"].reason == (
        "change of the AUC on val by 'corners masked': 95 % lower bound -0.0510 is "
        "under -0.0500"
    )


def test_few_heat_maps_are_not_assessed():
    few = interval(0.9, 0.95, 0.99, n=9)

    gates = judged(examination(maps=maps(redrawn={"conv1": few}, road=None)))

    assert gates["maps.redrawn"].verdict == "not_assessed"
    assert gates["maps.road"].verdict == "not_assessed"


@pytest.mark.parametrize("name", ["bundle_hash", "split_hash"])
def test_an_examination_of_another_model_or_split_is_refused(name):
    assert failed(examination(**{name: "0" * 64})) == ["same_model"]


def test_every_bound_is_a_setting():
    names = {each.name for each in fields(ExaminationBounds)}

    assert names <= set(GateParams.model_fields)
    assert load_params().gate.max_shortcut_auc < 1
