import re
from dataclasses import fields

import pytest

from cxrmlops.evaluation.gates.examination_gate import (
    ExaminationBounds,
    judge_examination,
)
from cxrmlops.params import GateParams, load_params
from cxrmlops.records.examination import BoxFigures
from tests.make_records import (
    estimate,
    make_change,
    make_examination,
    make_inflation,
    make_maps,
    make_metrics,
)

BOUNDS = ExaminationBounds(
    max_shortcut_auc=0.7,
    max_shortcut_excess=0.05,
    max_auc_inflation=0.05,
    min_subgroup_n=50,
    min_auc_change=-0.05,
    max_randomised_weights_correlation=0.5,
    min_repeated_correlation=0.8,
    min_road=0.0,
    max_corner_concentration=2.0,
    min_pointing_gain=0.0,
    min_inside_gain=0.0,
    min_pixel_auc=0.5,
    min_map_images=10,
)
METRICS = make_metrics()


def judged(found):
    gates = judge_examination(found, METRICS, bounds=BOUNDS)
    return {gate.name: gate for gate in gates}


def failed(found):
    return [name for name, gate in judged(found).items() if gate.verdict == "fail"]


def test_a_model_without_shortcuts_passes():
    assert failed(make_examination()) == []


def test_a_label_that_can_be_read_without_a_lung_is_refused():
    probes, name = list(make_examination().shortcuts), "manufacturer"
    high = estimate(0.6, 0.65, 0.701, n=400)
    probes[0] = probes[0].model_copy(update={"auc": high})
    found = make_examination(shortcuts=probes)

    assert failed(found) == [f"shortcut.{name}"]
    gate = judged(found)[f"shortcut.{name}"]
    assert (gate.value, gate.bound, gate.n) == (0.701, 0.7, 400)
    assert gate.reason == (
        f"AUC that {name} alone reaches on val: 95 % upper bound 0.7010 is over 0.7000"
    )


@pytest.mark.parametrize("name", ["view", "portable"])
@pytest.mark.parametrize(
    ("inflation", "refused"),
    [
        (estimate(0.01, 0.02, 0.04), ""),
        (estimate(0.02, 0.05, 0.08), "inflation"),
        (estimate(0.01, 0.02, 0.04, n=49), "shortcut"),
        (None, "shortcut"),
    ],
)
def test_a_view_that_tells_the_label_is_judged_by_what_the_model_makes_of_it(
    name, inflation, refused
):
    alone = estimate(0.7, 0.72, 0.74, n=400)
    first = make_examination().shortcuts[0]
    found = make_examination(
        shortcuts=[first.model_copy(update={"name": name, "auc": alone})],
        inflation=[make_inflation(inflation, name)],
    )

    assert failed(found) == ([f"{refused}.{name}"] if refused else [])


def test_corners_that_show_the_patient_are_no_shortcut_and_what_they_add_is_one():
    probes = list(make_examination().shortcuts)
    assert probes[2].auc.low > BOUNDS.max_shortcut_auc - 0.01
    more = estimate(0.03, 0.04, 0.051, n=400)
    probes[2] = probes[2].model_copy(update={"excess": more})

    found = make_examination(shortcuts=probes)

    assert failed(make_examination()) == []
    assert failed(found) == ["shortcut.corners"]
    assert judged(found)["shortcut.corners"].reason == (
        "AUC on val that corners adds to the inside, age, sex and view: 95 % upper "
        "bound 0.0510 is over 0.0500"
    )


def test_age_and_the_whole_picture_may_say_something():
    assert {"shortcut.age", "shortcut.thumbnail"}.isdisjoint(judged(make_examination()))


def test_an_auc_that_comes_from_the_vendor_is_refused():
    inflation = estimate(0.02, 0.04, 0.06)

    found = make_examination(inflation=[make_inflation(inflation)])

    assert failed(found) == ["inflation.manufacturer"]


@pytest.mark.parametrize("figure", [None, estimate(0.2, 0.5, 0.8, n=49)])
def test_what_cannot_be_assessed_is_not_a_pass(figure):
    first, *others = make_examination().shortcuts
    found = make_examination(
        shortcuts=[first.model_copy(update={"auc": figure}), *others],
        inflation=[make_inflation(figure)],
    )

    gates = judged(found)

    for name in ("shortcut.manufacturer", "inflation.manufacturer"):
        assert gates[name].verdict == "not_assessed"
        assert gates[name].value is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("redrawn", {"all_redrawn": estimate(0.3, 0.4, 0.51, n=32)}),
        ("repeated.noise", {"repeated": {"noise": estimate(0.79, 0.9, 0.95, n=32)}}),
        ("road", {"road": estimate(-0.01, 0.3, 0.5, n=12)}),
        ("corners", {"corners": estimate(1.5, 1.8, 2.1, n=30)}),
    ],
)
def test_heat_maps_that_mean_nothing_are_refused_for_their_own_reason(name, wrong):
    assert failed(make_examination(maps=make_maps(**wrong))) == [f"maps.{name}"]


def test_a_model_that_reads_the_markers_is_refused():
    found = make_examination(robustness=[make_change(estimate(-0.051, -0.03, -0.01))])

    assert failed(found) == ["robustness.corners_masked"]
    assert judged(found)["robustness.corners_masked"].reason == (
        "change of the AUC on val by 'corners masked': 95 % lower bound -0.0510 is "
        "under -0.0500"
    )


def test_few_heat_maps_are_not_assessed():
    few = estimate(0.9, 0.95, 0.99, n=9)

    gates = judged(make_examination(maps=make_maps(all_redrawn=few, road=None)))

    assert gates["maps.redrawn"].verdict == "not_assessed"
    assert gates["maps.road"].verdict == "not_assessed"


def make_boxes(**changes):
    """Give figures of val's boxes that pass."""
    known = {
        "split": "val",
        "n_images": 40,
        "n_patients": 38,
        "pointing_gain": estimate(0.1, 0.2, 0.3, n=40),
        "inside_gain": estimate(0.05, 0.1, 0.15, n=36),
        "pixel_auc": estimate(0.6, 0.7, 0.8, n=40),
    }
    return BoxFigures(**known | changes)


@pytest.mark.parametrize(
    ("gate", "wrong"),
    [
        ("pointing", {"pointing_gain": estimate(-0.01, 0.1, 0.2, n=40)}),
        ("inside", {"inside_gain": estimate(-0.01, 0.03, 0.06, n=36)}),
        ("pixel_auc", {"pixel_auc": estimate(0.49, 0.6, 0.7, n=40)}),
    ],
)
def test_a_map_that_points_at_boxes_by_chance_is_refused(gate, wrong):
    assert failed(make_examination(boxes=(make_boxes(),))) == []

    found = make_examination(boxes=(make_boxes(**wrong),))

    assert failed(found) == [f"maps.{gate}"]


def test_boxes_of_train_decide_nothing():
    chance = make_boxes(split="train", pixel_auc=estimate(0.2, 0.3, 0.4, n=40))

    assert failed(make_examination(boxes=(chance, make_boxes()))) == []


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ((), r"no boxes are known \(examine.boxes\)"),
        ((make_boxes(pixel_auc=estimate(0.1, 0.2, 0.3, n=9)),), "9 films are too few"),
        ((make_boxes(pixel_auc=None),), "0 films are too few"),
    ],
)
def test_without_boxes_or_with_few_localisation_is_not_assessed(boxes, said):
    gate = judged(make_examination(boxes=boxes))["maps.pixel_auc"]

    assert gate.verdict == "not_assessed"
    assert re.search(said, gate.reason)


@pytest.mark.parametrize("name", ["bundle_hash", "split_hash"])
def test_an_examination_of_another_model_or_split_is_refused(name):
    assert failed(make_examination(**{name: "0" * 64})) == ["same_model"]


def test_every_bound_is_a_setting():
    names = {each.name for each in fields(ExaminationBounds)}

    assert names <= set(GateParams.model_fields)
    assert load_params().gate.max_shortcut_auc < 1
