import base64
import os
import zipfile
from importlib.metadata import version as installed

import mlflow
import numpy as np
import pandas as pd
import pytest

from cxrmlops.data.preprocess import network_square
from cxrmlops.model.bundle import bundle_hash, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.registry import versions
from cxrmlops.registry.service import open_client, pointed
from cxrmlops.registry.tracking import find_or_make_run
from cxrmlops.registry.wheel import write_wheel
from cxrmlops.system.errors import BundleError, ServiceError
from tests import make
from tests.make import read_any_image
from tests.make_records import make_verdict
from tests.model.make import GOOD

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]


@pytest.fixture
def run_id(project, settings):
    return find_or_make_run(settings, split=project / "data/split")


@pytest.fixture
def register(project, run_id):
    """Register a bundle as the training flow does."""

    def _register(seed=0, folder=None):
        at = project / f"bundle-{seed}"
        if folder is None:
            folder = at if at.exists() else make.make_reading_bundle(at, seed=seed)
        return versions.register(
            folder,
            verdict=make_verdict(bundle_hash=bundle_hash(folder)),
            run_id=run_id,
        )

    return _register


def chest_image(folder) -> tuple[str, np.ndarray]:
    """A film in base64, and the square that training would make of it."""
    lungs = make.make_lungs(rows=300, columns=280).astype("<u2")
    image = make.make_chest_image(Rows=300, Columns=280, PixelData=lungs.tobytes())
    path = make.save_image(image, folder / "film.dcm")
    square, _ = network_square(read_any_image(path).image, size=64)
    return base64.b64encode(path.read_bytes()).decode(), square


def test_the_same_bundle_is_registered_once(register):
    first, new = register()
    again, second = register()

    assert (new, second) == (True, False)
    assert again == first
    assert first.aliases == ("candidate",)
    assert len(open_client().search_model_versions("name = 'cxr-sigfind'")) == 1


def test_a_version_says_how_good_it_is_and_registering_takes_no_training_time(
    register, run_id, measured
):
    open_client().set_terminated(run_id, "FINISHED", end_time=1_700_000_000_000)

    version, _ = register()
    versions.describe(version, measured)

    assert open_client().get_run(run_id).info.end_time == 1_700_000_000_000
    (made,) = open_client().search_model_versions("name = 'cxr-sigfind'")
    assert "| balanced | 0.400 | 0.900 (0.850 to 0.940) |" in made.description
    assert "evaluate/card.html" in made.description
    model = open_client().get_registered_model("cxr-sigfind")
    assert "not a medical device" in model.description


def test_a_version_shows_how_near_its_faster_ways_to_read_are(register, project):
    folder = make.make_reading_bundle(project / "near", agreement=(GOOD,))

    register(folder=folder)

    (made,) = open_client().search_model_versions("name = 'cxr-sigfind'")
    assert made.tags["cxr.agreement.cpu.bf16"] == GOOD.told()


def test_registering_leaves_the_environment_as_it_was(register, monkeypatch):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///elsewhere.db")
    before = dict(os.environ)

    register()

    assert dict(os.environ) == before


def test_the_newest_bundle_is_the_candidate(register):
    register(0)
    newer, _ = register(1)

    assert versions.get("candidate").number == newer.number == "2"
    assert versions.get("1").aliases == ()


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        (
            "refused",
            "auc: lower bound 0.80 < 0.94",
            "refused this model.*0.80 < 0.94",
        ),
        (
            "not assessed",
            "60 of 67 questions not assessed",
            "could not assess enough.*60 of 67",
        ),
    ],
)
def test_a_model_that_the_gate_did_not_pass_is_not_registered(
    project, run_id, outcome, reason, said
):
    folder = make.make_reading_bundle(project / "bundle")
    verdict = make_verdict(
        outcome=outcome, reasons=[reason], bundle_hash=bundle_hash(folder)
    )

    with pytest.raises(BundleError, match=said):
        versions.register(folder, verdict=verdict, run_id=run_id)

    assert versions.find(bundle_hash(folder)) is None


def test_a_verdict_about_another_bundle_lets_nobody_in(project, run_id):
    folder = make.make_reading_bundle(project / "bundle")
    verdict = make_verdict(bundle_hash="0" * 64)

    with pytest.raises(BundleError, match="judged bundle 000000000000"):
        versions.register(folder, verdict=verdict, run_id=run_id)


def test_a_champion_makes_room_and_comes_back(register):
    first, _ = register(0)
    versions.promote(first, name="A", reason="first")
    second, _ = register(1)
    versions.promote(second, name="A", reason="better")
    assert versions.get("champion").number == "2"
    assert versions.get("previous").number == "1"

    back = versions.roll_back(name="B", reason="worse at night")

    assert back.number == "1"
    assert versions.get("champion").number == "1"
    with pytest.raises(BundleError, match="no version of cxr-sigfind is 'previous'"):
        versions.roll_back(name="B", reason="again")


def test_a_champion_is_no_candidate_any_more(register):
    version, _ = register()

    versions.promote(version, name="A", reason="first")

    with pytest.raises(BundleError, match=r"registered: 1 \(champion\)"):
        versions.get("candidate")


def test_the_champions_bundle_is_the_one_that_was_registered(register, project):
    version, _ = register()
    with pytest.raises(BundleError, match="is 'champion'; registered: 1"):
        versions.get("champion")
    versions.promote(version, name="A", reason="first")

    folder = versions.fetch_bundle(versions.get("champion"))

    assert bundle_hash(folder) == bundle_hash(project / "bundle-0")
    assert versions.fetch_bundle(versions.get("champion")) == folder


def test_a_bundle_changed_in_the_store_is_not_used(register, project):
    version, _ = register()
    stored = next((project / "mlartifacts").rglob("model.json"))
    stored.write_text(stored.read_text() + " ")

    with pytest.raises(BundleError, match="was changed in the store"):
        versions.fetch_bundle(version)


def test_nothing_in_a_version_is_a_pickle(register, project):
    register(folder=make.make_reading_bundle(project / "bundle"))

    files = [path for path in (project / "mlartifacts").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"serving.py", "weights.safetensors"}
    assert not [f for f in files if f.suffix in (".pkl", ".pt", ".pth", ".pickle")]
    assert not [f for f in files if f.read_bytes()[:1] == b"\x80"]


def test_mlflow_loads_a_version_and_it_answers_like_our_reader(register, project):
    folder = make.make_reading_bundle(project / "bundle")
    version, _ = register(folder=folder)
    image, square = chest_image(project)

    with pointed():
        model = mlflow.pyfunc.load_model(f"models:/cxr-sigfind/{version.number}")
    answers = model.predict(
        pd.DataFrame({"dicom_base64": [image, "bm8gZmlsbQ==", "%"]})
    )

    read, *rejected = answers.to_dict("records")
    ours = Reader(read_bundle(folder)).read(square[np.newaxis]).probability[0]
    assert read["reason"] is None
    assert read["probability"] == round(float(ours), 4)
    assert read["answer_balanced"] in ("NSF", "ASF")
    assert [row["probability"] for row in rejected] == [None, None]
    assert [row["reason"] for row in rejected] == ["not_dicom", "unreadable"]


def test_a_served_version_refuses_an_image_unlike_those_learnt_from(register, project):
    folder = make.make_reading_bundle(project / "bundle", limit=1e-9)
    version, _ = register(folder=folder)

    with pointed():
        model = mlflow.pyfunc.load_model(f"models:/cxr-sigfind/{version.number}")
    answer = model.predict(pd.DataFrame({"dicom_base64": [chest_image(project)[0]]}))

    assert answer.to_dict("records") == [
        {
            "probability": None,
            "answer_balanced": None,
            "answer_high_sensitivity": None,
            "reason": "out_of_distribution",
        }
    ]


def test_an_mlflow_that_is_down_is_one_sentence(register, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(ServiceError, match="MLflow at http.* run again"):
        versions.get("champion")


def test_the_wheel_installs_the_package_that_runs(tmp_path):
    first, second = write_wheel(tmp_path).read_bytes(), write_wheel(tmp_path)

    assert second.read_bytes() == first
    names = zipfile.ZipFile(second).namelist()
    assert "cxrmlops/registry/serving.py" in names
    assert f"cxrmlops-{installed('cxrmlops')}.dist-info/RECORD" in names
    assert np.all(["__pycache__" not in name for name in names])
