import csv
import re
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.data.adjudication import ASKED, read_decisions
from cxrmlops.model.bundle import read_bundle, write_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.records.tables import DECISIONS, REPORTS, STUDIES
from cxrmlops.reporting.error_review import choose_cases, write_review
from cxrmlops.system.errors import DataError
from tests.make import make_splits, make_studies
from tests.stages.evaluation_line import make_line

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A line as evaluate leaves it: 12 test studies, and one of uncertain label."""
    folder = tmp_path_factory.mktemp("data")
    images = make_splits(patients=120)
    make_line(folder, images, size=64)  # maps of 2 x 2 cells
    test = images[images.split == "test"].sort_values("study_id", ignore_index=True)
    squares = np.load(folder / "preprocess" / "shard-000.npy")[test.row.to_numpy()]
    answers = Reader(read_bundle(folder / "train" / "bundle")).read(squares)
    studies = make_studies(len(test)).assign(
        study_id=test.study_id,
        abnormal=test.abnormal,
        probability=answers.probability,
        logit=answers.logit.astype(float),
    )
    STUDIES.write(studies.astype(STUDIES.columns), folder / "evaluate")
    rows = [report(study, "included", "ASF") for study in test.study_id]
    rows += [report("unclear", "uncertain_label", "uncertain")]
    rows += [report("without", "no_image", "uncertain")]
    REPORTS.write(REPORTS.from_rows(rows), folder / "cohort")
    return folder


def report(study, outcome, conclusion):
    told = {"study_id": study, "outcome": outcome, "conclusion": conclusion}
    return told | {"findings": "", "codes": "J90|<b>", "label_source": "report"}


@pytest.fixture(scope="module")
def review(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("review") / "errors"
    write_review(data, out, most=100, right=3, seed=1)
    return out


def rows_of(review):
    with (review / "adjudication.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_worst_errors_come_first_and_no_more_than_asked_for():
    studies = make_studies(400)

    chosen = choose_cases(studies, 0.5, most=5, right=0, seed=1)

    missed = chosen[chosen.kind == "missed"]
    all_missed = studies[studies.abnormal & (studies.probability < 0.5)]
    assert missed.probability.tolist() == sorted(all_missed.probability)[:5]
    alarms = chosen[chosen.kind == "false_alarm"]
    assert alarms.probability.tolist() == sorted(alarms.probability, reverse=True)


def test_the_same_right_answers_are_drawn_in_any_order_of_rows():
    studies = make_studies(100)
    turned = studies.iloc[::-1]

    one = choose_cases(studies, 0.5, most=1, right=7, seed=3)
    other = choose_cases(turned, 0.5, most=1, right=7, seed=3)

    drawn = one[one.kind == "right"]
    assert len(drawn) == 7
    assert ((drawn.probability >= 0.5) == drawn.abnormal).all()
    pd.testing.assert_frame_equal(one, other)


def test_every_error_is_on_the_page_and_in_the_table(data, review):
    studies = STUDIES.read(data / "evaluate")
    threshold = read_bundle(data / "train" / "bundle").card.operating_points[0]
    wrong = studies[(studies.probability >= threshold.threshold) != studies.abnormal]

    page = (review / "index.html").read_text()
    listed = {row["study_id"] for row in rows_of(review) if row["kind"] != "right"}

    assert len(wrong)
    assert listed == {*wrong.study_id, "unclear"}
    assert all(f"<code>{study}</code>" in page for study in wrong.study_id)


@pytest.mark.parametrize(
    ("threshold", "maps_of_misses"), [("just missed", {True}), (0.999, {False})]
)
def test_a_map_is_shown_of_every_asf_and_of_a_miss_with_a_place_above_the_threshold(
    data, tmp_path, threshold, maps_of_misses
):
    studies = STUDIES.read(data / "evaluate").set_index("study_id")
    if threshold == "just missed":
        threshold = studies.probability[studies.abnormal].min() + 1e-5
    line = with_threshold(data, tmp_path / "line", threshold)
    write_review(line, tmp_path / "errors", most=100, right=100, seed=1)
    page = (tmp_path / "errors" / "index.html").read_text()
    cases = re.findall(r'<div class="case">.*?<code>(?:[^<]*)</code>', page, re.DOTALL)

    shown = {
        re.search(r"<code>(.*)</code>", case).group(1): case.count("data:image/jpeg")
        == 2
        for case in cases
    }
    flagged = studies.probability >= threshold
    assert set(shown) == set(studies.index)
    assert all(shown[study] for study in studies.index[flagged])
    assert not any(shown[s] for s in studies.index[~flagged & ~studies.abnormal])
    misses = studies.index[~flagged & studies.abnormal]
    assert {shown[study] for study in misses} == maps_of_misses


def with_threshold(data, folder, threshold):
    """Copy a line whose model has another balanced threshold."""
    shutil.copytree(data, folder)
    bundle = read_bundle(data / "train" / "bundle")
    balanced, sensitive = bundle.card.operating_points
    points = (replace(balanced, threshold=threshold), sensitive)
    write_bundle(
        folder / "train" / "bundle",
        bundle.network,
        card=replace(bundle.card, operating_points=points),
        reference=bundle.reference,
    )
    return folder


def test_reports_that_do_not_commit_themselves_are_asked_for_too(review):
    open_ones = [row for row in rows_of(review) if row["kind"] == "unsettled"]

    assert [(r["study_id"], r["label"]) for r in open_ones] == [
        ("unclear", "uncertain")
    ]
    assert "1 studies whose reports are uncertain or disputed" in re.sub(
        r"\s+", " ", (review / "index.html").read_text()
    )


def test_the_page_warns_of_the_bias_escapes_codes_and_is_the_owners(review):
    page = (review / "index.html").read_text()

    assert "makes every figure too good" in page
    assert "J90|&lt;b&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    for path in review.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_table_filled_in_is_read_back(review, tmp_path):
    rows = rows_of(review)
    assert all(row["reader"] == row["decision"] == "" for row in rows)
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="") as file:
        writer = csv.DictWriter(file, ASKED)
        writer.writeheader()
        writer.writerows(rows[0] | {"reader": "A", "decision": "NSF"} for _ in "x")

    found = read_decisions([filled], frozenset({rows[0]["study_id"]}))

    assert found.decision.tolist() == ["NSF"]


def test_from_the_page_of_errors_to_a_table_that_the_cohort_takes(data, tmp_path):
    (tmp_path / "data").symlink_to(data)
    run = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        shown = run.invoke(app, ["errors", "--right", "2"])
        rows = rows_of(tmp_path / "errors")
        open_one = next(row for row in rows if row["study_id"] == "unclear")
        with Path("filled.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ASKED)
            writer.writeheader()
            writer.writerow(open_one | {"reader": "A. Reader", "decision": "ASF"})
        done = run.invoke(app, ["adjudicate", "filled.csv"])

    assert "2 right: open errors/index.html" in shown.output
    assert "1 studies settled; set decisions: decisions in site.yaml" in done.output
    assert DECISIONS.read(tmp_path / "decisions").decision.tolist() == ["ASF"]


def test_codes_that_are_formulas_are_text_in_the_table(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    reports = REPORTS.read(tmp_path / "data/cohort")
    codes = "=HYPERLINK(0)|@SUM(A1)"
    REPORTS.write(
        reports.assign(codes=pd.array([codes] * len(reports), dtype="string")),
        tmp_path / "data/cohort",
    )

    write_review(tmp_path / "data", tmp_path / "errors", most=1, right=1, seed=1)

    assert {row["codes"] for row in rows_of(tmp_path / "errors")} == {"'" + codes}


def test_what_a_reader_wrote_or_keeps_there_is_not_replaced(data, tmp_path):
    out = tmp_path / "errors"
    write_review(data, out, most=1, right=1, seed=1)
    write_review(data, out, most=1, right=2, seed=1)  # untouched: replaced
    table = out / "adjudication.csv"
    rows = rows_of(out)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ASKED)
        writer.writeheader()
        writer.writerows(row | {"comment": "seen"} for row in rows)
    before = table.read_bytes()

    with pytest.raises(DataError, match="holds what readers wrote; keep it elsewhere"):
        write_review(data, out, most=1, right=1, seed=1)
    assert table.read_bytes() == before
    table.unlink()
    (out / "film.dcm").touch()
    with pytest.raises(DataError, match="not ours and would be lost"):
        write_review(data, out, most=1, right=1, seed=1)


def test_images_that_are_not_there_are_named_by_the_stage_to_run(data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "data")
    (copy / "preprocess" / "shard-000.npy").unlink()

    with pytest.raises(DataError, match="holds 0 shard.*run the stage 'preprocess'"):
        write_review(copy, tmp_path / "errors", most=1, right=1, seed=1)
