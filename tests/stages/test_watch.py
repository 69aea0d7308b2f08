import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrmlops.dicom.identity import KEY_VARIABLE
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.watch_reference import to_arrays
from cxrmlops.params import load_params
from cxrmlops.records.tables import SCORED_STUDIES, WATCHED
from cxrmlops.records.watch import Watch
from cxrmlops.stages import watch
from cxrmlops.system.errors import DataError
from tests.conftest import ROOT
from tests.make import make_site, make_watched, write_reading_bundle

pytestmark = pytest.mark.integration

FIRST = dt.date(2026, 3, 1)
PARAMS = load_params(ROOT / "params.yaml").watch


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of these tests")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    val = to_arrays(make_watched(600, seed=1), patients=600)
    folder = tmp_path_factory.mktemp("model") / "bundle"
    return write_reading_bundle(folder, reference=val)


def write_night(
    score: Path, number: int, bundle: Path, *, n: int = 40, watched=None
) -> pd.DataFrame:
    """Write a chunk of n answers; labels follow the probabilities."""
    night = FIRST + dt.timedelta(days=number)
    probability = np.random.default_rng(number).random(n).round(4)
    model_key = read_bundle(bundle).key
    rows = [
        {
            "study_instance_uid": f"1.2.{number}.{i}",
            "outcome": "scored",
            "reason": "",
            "n_images": 1,
            "n_scored": 1,
            "probability": p,
            "answer_balanced": "ASF" if p >= 0.5 else "NSF",
            "answer_high_sensitivity": "ASF" if p >= 0.2 else "NSF",
            "accession_number": f"A{number:03d}{i:03d}",
            "study_date": f"{night:%Y%m%d}",
            "analysed_at": f"{night}T02:00:00+00:00",
            "model_key": model_key,
        }
        for i, p in enumerate(probability)
    ]
    studies = SCORED_STUDIES.from_rows(rows)
    folder = score / f"{number:016d}"
    SCORED_STUDIES.write(studies, folder)
    facts = make_watched(n, seed=100 + number) if watched is None else watched
    WATCHED.write(facts, folder)
    return studies


def write_reports(folder: Path, studies: pd.DataFrame, name: str = "a.csv") -> None:
    draw = np.random.default_rng(7).random(len(studies))
    words = np.where(draw < studies.probability, "ASF", "NSF")
    folder.mkdir(exist_ok=True)
    pd.DataFrame(
        {"accession_number": studies.accession_number, "conclusion": words}
    ).to_csv(folder / name, index=False)


def run(folder: Path, bundle: Path, **quirks) -> Watch:
    site = make_site(folder, **{k: v for k, v in quirks.items() if k == "arrived"})
    return watch.run(
        score=folder / "score",
        bundle=bundle,
        out=folder / "watch",
        params=PARAMS,
        site=site,
        night=quirks.get("night", ""),
    )


def test_undrifted_nights_end_without_alarm_in_a_record_and_a_page(tmp_path, bundle):
    for number in range(3):
        write_night(tmp_path / "score", number, bundle)

    found = run(tmp_path, bundle)

    assert found.alarms == ()
    assert (found.date, found.n_night, found.n_window) == ("2026-03-03", 40, 120)
    folder = tmp_path / "watch/2026-03-03"
    assert sorted(path.name for path in folder.iterdir()) == sorted(watch.FILES)
    assert Watch.read(folder / "watch.json") == found
    assert found.expected.why.startswith("calibration is not assessed")


def test_an_alarm_is_dated_back_to_its_first_night(tmp_path, bundle):
    score = tmp_path / "score"
    write_night(score, 0, bundle)
    for number in (1, 2):
        dark = make_watched(40, seed=number)
        write_night(score, number, bundle, watched=dark.assign(mean=dark["mean"] - 0.2))
        found = run(tmp_path, bundle)

    assert [(one.kind, one.since) for one in found.alarms] == [
        ("picture", "2026-03-02")
    ]


def test_reports_give_the_realised_performance_and_the_expected_one(tmp_path, bundle):
    studies = [write_night(tmp_path / "score", n, bundle, n=80) for n in range(8)]
    write_reports(tmp_path / "arrived", pd.concat(studies))

    found = run(tmp_path, bundle, arrived=tmp_path / "arrived")

    (month,) = found.months
    assert (month.n_scored, month.n_reported) == (640, 640)
    assert month.auc is not None
    assert found.calibration.verdict == "holds"
    assert found.expected.auc is not None


def test_while_images_stand_in_an_alarm_nothing_is_estimated(tmp_path, bundle):
    studies = []
    for number in range(8):
        dark = make_watched(80, seed=number)
        dark = dark.assign(mean=dark["mean"] - 0.2)
        night = write_night(tmp_path / "score", number, bundle, n=80, watched=dark)
        studies.append(night)
    write_reports(tmp_path / "arrived", pd.concat(studies))

    found = run(tmp_path, bundle, arrived=tmp_path / "arrived")

    assert found.expected.auc is None
    assert "picture" in found.expected.why


def test_a_broken_report_file_is_told_and_the_others_are_read(tmp_path, bundle):
    studies = write_night(tmp_path / "score", 0, bundle)
    write_reports(tmp_path / "arrived", studies)
    (tmp_path / "arrived/b.csv").write_text("name\nsomebody\n")

    found = run(tmp_path, bundle, arrived=tmp_path / "arrived")

    assert found.months[0].n_reported == 40
    assert [one.kind for one in found.alarms] == ["reports"]


def test_an_earlier_night_is_watched_as_it_was(tmp_path, bundle):
    for number in range(3):
        write_night(tmp_path / "score", number, bundle)

    found = run(tmp_path, bundle, night="2026-03-02")

    assert (found.date, found.n_window) == ("2026-03-02", 80)


def test_a_bundle_of_an_older_format_has_no_reference(tmp_path):
    bundle = write_reading_bundle(tmp_path / "bundle")
    write_night(tmp_path / "score", 0, bundle)

    found = run(tmp_path, bundle)

    assert found.n_reference == 0
    assert found.shifts == ()


def test_answers_of_an_older_version_are_counted_and_not_compared(tmp_path, bundle):
    write_night(tmp_path / "score", 0, bundle)
    (tmp_path / "score" / f"{0:016d}" / "watched.parquet").unlink()

    found = run(tmp_path, bundle)

    assert (found.n_unwatched, found.shifts) == (40, ())


def test_rejects_are_compared_once_the_first_nights_are_over(tmp_path, bundle):
    for number in range(18):
        bad = 15 if number == 17 else 0
        facts = make_watched(40, seed=number, rejected=bad)
        write_night(tmp_path / "score", number, bundle, watched=facts)

    found = run(tmp_path, bundle)

    assert [one.kind for one in found.alarms] == ["rejects"]


def test_another_models_answers_are_no_night_of_this_one(tmp_path, bundle):
    other = write_reading_bundle(tmp_path / "bundle", seed=1)
    write_night(tmp_path / "score", 0, other)

    with pytest.raises(DataError, match="score a night first"):
        run(tmp_path, bundle)


def test_a_night_without_answers_is_refused(tmp_path, bundle):
    write_night(tmp_path / "score", 0, bundle)

    with pytest.raises(DataError, match="no answer of the night 2026-05-05"):
        run(tmp_path, bundle, night="2026-05-05")


def test_no_number_or_uid_of_a_patient_is_in_what_is_written(tmp_path, bundle):
    studies = write_night(tmp_path / "score", 0, bundle)
    write_reports(tmp_path / "arrived", studies)

    run(tmp_path, bundle, arrived=tmp_path / "arrived")

    for path in (tmp_path / "watch").rglob("*.*"):
        text = path.read_text()
        assert "A000001" not in text
        assert "1.2.0.1" not in text
