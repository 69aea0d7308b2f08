import shutil
from pathlib import Path

import pytest

from cxrmlops.params import load_params, load_site
from cxrmlops.quickstart.site_setup import default, set_up
from cxrmlops.system.errors import DataError, ParamsError


@pytest.fixture
def hospital(tmp_path):
    """Films in a folder whose name YAML could trip over, reports beside it."""
    images = tmp_path / "a: films # 'x'"
    images.mkdir()
    (images / "1").write_bytes(b"film")
    (tmp_path / "reports.csv").write_text("accession_number,conclusion\n")
    return images


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_the_settings_name_the_images_and_can_be_read(hospital, here):
    said = set_up(hospital, here=here)

    site = load_site(here / "site.yaml")
    assert (site.source, site.films) == ("hospital", hospital)
    assert site.reports == hospital.parent / "reports.csv"
    assert load_params(here / "params.yaml") == load_params(default("params.yaml"))
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "CXR_LEDGER_URL"):
        assert name in said
        assert name in (here / "addresses.env").read_text()
    assert "cxrmlops cohort" in said


def test_a_new_site_begins_with_weights_of_photographs_at_their_rate(hospital, here):
    said = set_up(hospital, here=here)

    train = load_params(here / "params.yaml").train
    assert (train.weights, train.learning_rate) == ("IMAGENET1K_V1", 1e-4)
    assert (train.stem_rate, train.patience) == (0.1, None)
    assert "cxrmlops doctor" in said


def test_comments_of_the_settings_stay(hospital, here):
    set_up(hospital, here=here)

    assert "# hospital, nih, openi or rsna" in (here / "site.yaml").read_text()


def test_edited_lines_stay_and_other_images_need_force(hospital, here, tmp_path):
    set_up(hospital, here=here)
    site, params = here / "site.yaml", here / "params.yaml"
    site.write_text(site.read_text().replace("UTC", "Asia/Shanghai"))
    params.write_text(params.read_text().replace("size: 512", "size: 224"))
    other = tmp_path / "other"
    shutil.copytree(hospital, other)

    set_up(hospital, here=here)
    with pytest.raises(ParamsError, match="names other films; add --force"):
        set_up(other, here=here)
    set_up(other, here=here, may_replace=lambda _question: True)

    assert load_site(site).films == other
    assert load_site(site).time_zone == "Asia/Shanghai"
    assert load_params(params).preprocess.size == 224


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda images: (images / "1").unlink(), "there is no file below"),
        (lambda images: shutil.rmtree(images), "there is no file below"),
        (
            lambda images: (images.parent / "reports.csv").unlink(),
            "no report table lies in or beside .*--reports",
        ),
        (
            lambda images: shutil.copy(images.parent / "reports.csv", images),
            r"several report files.*\[reports.csv, reports.csv\]",
        ),
    ],
    ids=["no film", "no folder", "no reports", "two tables"],
)
def test_what_is_missing_is_named_and_nothing_is_written(
    hospital, here, spoil, message
):
    spoil(hospital)

    with pytest.raises(DataError, match=message):
        set_up(hospital, here=here)

    assert list(here.iterdir()) == []


def test_a_report_file_of_no_known_kind_is_refused(hospital, here):
    table = hospital.parent / "reports.csv"
    table.write_text("id,result\n")

    with pytest.raises(DataError, match="a CSV with a column 'conclusion'"):
        set_up(hospital, reports=table, here=here)
    set_up(hospital, reports=table, source="hospital", here=here)

    assert load_site(here / "site.yaml").reports == table


def test_reports_that_are_not_there_are_refused(hospital, here):
    with pytest.raises(DataError, match="--reports: there is nothing at"):
        set_up(hospital, reports=Path("nowhere.csv"), here=here)


def test_a_public_set_is_known_by_its_table(real_data, here):
    set_up(
        real_data / "real_cxr/open/images",
        reports=real_data / "metadata/Data_Entry_2017_v2020.csv.gz",
        here=here,
    )

    assert load_site(here / "site.yaml").source == "nih"


def test_a_site_that_somebody_changed_is_asked_about_and_stays(hospital, here):
    text = default("site.yaml").read_text().replace("UTC", "Asia/Shanghai")
    (here / "site.yaml").write_text(text)
    asked = []

    with pytest.raises(
        ParamsError, match="names other films, reports; add --force.*nothing was"
    ):
        set_up(hospital, here=here, may_replace=lambda q: bool(asked.append(q)))

    assert "replace its lines films, reports?" in asked[0]
    assert [path.name for path in here.iterdir()] == ["site.yaml"]
    assert (here / "site.yaml").read_text() == text


def test_a_site_as_we_ship_it_is_filled_in_unasked(hospital, here):
    shutil.copy(default("site.yaml"), here)

    set_up(hospital, here=here)

    assert load_site(here / "site.yaml").films == hospital


def test_a_workbook_beside_the_images_is_called_one(hospital, here):
    (hospital.parent / "reports.csv").write_bytes(b"PK\x03\x04")

    with pytest.raises(DataError, match="is an Excel workbook"):
        set_up(hospital, here=here)


def test_passwords_are_their_owners(hospital, here):
    set_up(hospital, here=here)

    assert (here / "addresses.env").stat().st_mode & 0o777 == 0o600
