import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cxrmlops.data.cohort_state import (
    FILES,
    PATHS,
    SITE_KEYS,
    is_made_from,
    is_unchanged,
    take_state,
)
from cxrmlops.params import Site
from cxrmlops.system.errors import DataError
from tests.make import make_site
from tests.make_records import make_cohort_summary

ROOT = Path(__file__).parents[2]
PARAMS = {"start": "2017-01-01", "end": "2018-07-01", "min_age_years": 18}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films/1").write_bytes(b"film")
    (tmp_path / "reports.csv").write_text("table")
    return tmp_path


def state(place, params=PARAMS, **site):
    return take_state(params, make_site(place, **site).model_dump(mode="json"))


def test_dvc_watches_the_settings_of_the_fingerprint():
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["cohort"]

    watched = next(p["site.yaml"] for p in stage["params"] if isinstance(p, dict))
    assert set(watched) == set(SITE_KEYS) <= set(Site.model_fields)


def test_other_decisions_have_another_fingerprint(place):
    table = place / "decisions/decisions.parquet"
    table.parent.mkdir()
    table.write_bytes(b"one")
    with_one = state(place, decisions=table.parent).fingerprint
    table.write_bytes(b"two")

    assert with_one != state(place, decisions=table.parent).fingerprint
    assert with_one != state(place).fingerprint


def test_decisions_that_are_not_there_name_the_command(place):
    with pytest.raises(DataError, match="run `cxrmlops adjudicate`"):
        state(place, decisions=place / "nowhere")


def test_the_same_inputs_have_the_same_fingerprint(place):
    assert state(place).fingerprint == state(place).fingerprint


@pytest.mark.parametrize(
    "site",
    [
        {"source": "nih"},
        {"chest_words": ["LUNG"]},
        {"name": "south"},
        {"include": "list.txt"},
    ],
    ids=str,
)
def test_another_setting_has_another_fingerprint(place, site, monkeypatch):
    monkeypatch.chdir(place)
    (place / "list.txt").write_text("1\n")

    assert state(place, **site).fingerprint != state(place).fingerprint


def test_settings_of_other_stages_do_not_count(place):
    other = state(place, institution="x", language="zh", archive="folder:y")

    assert other.fingerprint == state(place).fingerprint


def test_a_folder_of_reports_counts_by_its_files(place):
    folder = place / "xml"
    folder.mkdir()
    before = state(place, reports=folder).fingerprint

    (folder / "1.xml").write_text("<e/>")

    assert state(place, reports=folder).fingerprint != before


def write_last(out, **last):
    out.mkdir()
    (out.parent / "local").mkdir()
    (out.parent / "local" / PATHS).write_text("")
    for name in FILES:
        (out / name).write_text("")
    make_cohort_summary(**last).write(out / "exclusions.json")


def test_a_cohort_is_current_when_made_from_what_is_there(place):
    now, out = state(place), place / "cohort"
    write_last(
        out,
        key_fingerprint=now.key_fingerprint,
        fingerprint=now.fingerprint,
        included=1,
    )

    assert is_made_from(out, now)
    assert is_unchanged(out, PARAMS, make_site(place).model_dump(mode="json"))
    assert not is_made_from(out, state(place, name="south"))
    (out / "flow.svg").unlink()
    assert not is_made_from(out, now)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null"])
def test_a_broken_summary_is_no_cohort(place, content):
    out = place / "cohort"
    write_last(out)
    (out / "exclusions.json").write_text(content)

    assert not is_made_from(out, state(place))


def test_another_key_is_refused_by_name(place, monkeypatch):
    write_last(place / "cohort", key_fingerprint="0ld", fingerprint="any", included=1)

    with pytest.raises(DataError, match=r"another pseudonym key \(0ld, now \w+\)"):
        is_made_from(place / "cohort", state(place))


def test_missing_reports_are_one_sentence(place):
    with pytest.raises(DataError, match="reports: there is nothing at .*/nowhere"):
        state(place, reports=place / "nowhere")


@pytest.mark.integration
def test_the_question_costs_no_table_library():
    code = (
        "import sys, cxrmlops.data.cohort_state;"
        "sys.exit(bool({'pandas', 'pydicom', 'pyarrow'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
