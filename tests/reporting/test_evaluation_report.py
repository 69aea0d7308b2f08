import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.performance.failures import Failures
from cxrmlops.evaluation.performance.metrics import measure
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.bundle import BundleCard
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.split import SideCounts
from cxrmlops.records.tables import HISTORY, NOT_EVALUABLE
from cxrmlops.reporting.checklist import checklist
from cxrmlops.reporting.evaluation_plots import Evidence, draw_plots
from cxrmlops.reporting.evaluation_report import write_report
from tests.make import SCOPE, make_manifest, make_studies
from tests.make_records import make_cohort_summary, make_training

pytestmark = pytest.mark.integration

PLOTS = ("beside", "roc", "pr", "confusion", "reliability", "scores", "decision",
         "subgroups", "training", "flow")  # fmt: skip
HASH = "0123456789abcdef" * 4


def make_lost():
    names = {"study_id": ["lost"], "patient_id": ["P00000"], "split": ["test"]}
    rows = pd.DataFrame(names | {"abnormal": [True], "reason": ["blank|too_few_rows"]})
    return rows.astype(NOT_EVALUABLE.columns)


def make_evidence(n=120, *, separation=2.5, policy="patient"):
    studies = make_studies(n, separation=separation)
    val = make_studies(200, split="val", seed=3)
    points = choose_points(
        val.probability, val.abnormal, val.split, high_sensitivity=0.98
    )
    thumbnail = np.random.default_rng(0).random(n)
    settings = {"bootstrap_rounds": 100, "seed": 1, "ece_bins": 5}
    measured = measure(
        studies,
        thumbnail,
        points,
        failures=Failures(make_lost(), np.arange(n) < 2),
        prevalences=[0.1],
        bins=5,
        rounds=100,
        seed=1,
    )
    names = ("bundle_hash", "preprocessing_hash", "split_hash", "test_hash")
    metrics = Metrics(
        **dict(measured) | dict.fromkeys(names, HASH),
        operating_points=points,
        thresholds_moved=0.0,
    )
    epochs: list[dict[str, object]] = [
        dict.fromkeys(HISTORY.columns, 0.5) | {"epoch": k} for k in (1, 2)
    ]
    side = SideCounts(images=n, studies=n, patients=n, abnormal_studies=n // 2)
    sides = dict.fromkeys(("train", "val", "test"), side)
    return Evidence(
        metrics=metrics,
        studies=studies,
        history=HISTORY.from_rows(epochs),
        card=BundleCard(
            name="cxr-resnet18-64",
            architecture="resnet18",
            size=64,
            preprocessing_hash=HASH,
            scope=SCOPE,
            temperature=1.2,
            study_rule="max",
            operating_points=points,
            lineage={},
        ),
        manifest=make_manifest(policy=policy, leaking_patients=7, n=sides),
        training=make_training(),
        settings=settings,
        cohort=make_cohort_summary(),
    )


def render(path, evidence, plots=None):
    drawn = draw_plots(evidence) if plots is None else plots
    drawn |= {"flow": "<svg/>"}
    write_report(path / "report.html", evidence, drawn)
    return (path / "report.html").read_text()


@pytest.fixture(scope="module")
def evidence():
    return make_evidence()


@pytest.fixture(scope="module")
def page(evidence, tmp_path_factory):
    return render(tmp_path_factory.mktemp("page"), evidence)


def words(page):
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


def test_it_says_what_it_is_not(page):
    assert words(page).count("Not a medical device") == 2


def test_every_figure_of_the_source_study_stands_beside_ours(page, evidence):
    for name, published in {
        "Recall ASF": "0.898 0.878 to 0.915 1,018",
        "Recall NSF": "0.880 0.859 to 0.899 995",
        "Precision ASF": "0.885 0.864 to 0.903 1,033",
        "Precision NSF": "0.894 0.873 to 0.912 980",
    }.items():
        row = re.search(rf"<tr><td>{name}.*?</tr>", page, re.DOTALL).group()
        assert words(row).rstrip().endswith(published)
        ours = "balanced." + name.lower().replace(" ", "_")
        assert f"{evidence.metrics.figures[ours].value:.3f}" in row


def test_every_plot_is_inside_the_page(page, evidence):
    assert page.count("data:image/svg+xml;base64,") == len(PLOTS)
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_the_page_is_well_formed(page):
    class Balance(HTMLParser):
        open_tags: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img", "br"):
                self.open_tags.append(tag)

        def handle_endtag(self, tag):
            assert self.open_tags.pop() == tag

    reader = Balance()
    reader.feed(page)

    assert reader.open_tags == []


def test_it_names_model_split_and_rule(page, evidence):
    assert page.count(HASH) == 4
    for point in evidence.metrics.operating_points:
        assert point.rule in page


def test_groups_too_small_are_not_assessed(page):
    assert "not assessed" in words(page)


def test_studies_without_an_answer_stand_beside_those_with_one(page, evidence):
    figures = evidence.metrics.figures
    counted = figures["balanced.recall_asf_with_failures"]

    assert counted.n == figures["balanced.recall_asf"].n + 1
    assert "1 further study of the test patients (1 ASF, 0 NSF)" in words(page)
    assert "2 more are answered in all other sections" in words(page)
    assert "1 blank, 1 too few rows" in words(page)


def test_calibration_stands_before_and_after(page, evidence):
    raw = evidence.metrics.before_calibration["brier"].value
    row = re.search(r"<tr><td>Brier score.*?</tr>", page, re.DOTALL).group()

    assert f"{raw:.3f}" in row
    assert f"{evidence.metrics.figures['brier'].value:.3f}" in row


def test_every_question_of_the_checklist_is_answered_or_a_gap(page, evidence):
    items = checklist(evidence.metrics, evidence.manifest)

    assert len(items) == 17
    for item in items:
        assert item.asked in page
        assert item.where
    leaking = checklist(evidence.metrics, make_manifest(policy="case"))
    assert "the split leaks by design" in [item.gap for item in leaking]


def test_every_section_the_checklist_names_is_there(page, evidence):
    there = set(re.findall(r"<h2[^>]*>(\d) &nbsp;", page))

    for item in checklist(evidence.metrics, evidence.manifest):
        assert set(re.findall(r"\b(\d)\b", item.where)) <= there


def test_a_study_is_never_named(page, evidence):
    assert not any(name in page for name in evidence.studies.study_id)


def test_the_draw_by_image_is_called_too_good(tmp_path):
    leaking = make_evidence(60, policy="case")
    nothing = dict.fromkeys(PLOTS, "")

    page = render(tmp_path, leaking, nothing)

    assert "7 patients stand on more than one side" in words(page)


def test_perfect_separation_still_gives_a_page(tmp_path):
    perfect = make_evidence(60, separation=10.0)

    page = render(tmp_path, perfect)

    assert "1.000" in page
    assert "nan" not in words(page).lower().split()
