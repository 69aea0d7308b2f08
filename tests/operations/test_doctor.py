import json
import threading

import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.operations import doctor
from cxrmlops.operations.doctor import Check, examine, lines
from cxrmlops.operations.finding import broken, note, well
from cxrmlops.system.errors import ServiceError


def run(*words: str):
    return CliRunner().invoke(app, ["doctor", *words])


def test_a_check_that_hangs_does_not_hold_up_the_others():
    hang = threading.Event()
    checks = [
        Check("hangs", lambda: hang.wait() and well("", ""), 0.1),
        Check("well", lambda: well("well", "all good")),
    ]

    found = examine(checks)

    assert [one.state for one in found] == ["broken", "ok"]
    assert found[0].said == "no answer within 0.1 s"
    hang.set()


def test_our_own_error_is_told_with_its_remedy_and_a_foreign_one_without_its_words():
    def ours():
        raise ServiceError("the archive did not answer; see whether it runs")

    def foreign():
        raise KeyError("DOE^JANE")

    found = examine([Check("ours", ours), Check("foreign", foreign)])

    assert (found[0].said, found[0].do) == (
        "the archive did not answer",
        "see whether it runs",
    )
    assert found[1].said == "could not be looked at (KeyError)"


def test_each_line_has_a_mark_and_what_to_do_stands_below_it():
    found = [
        well("disk", "fine"),
        note("key", "none", "make one"),
        broken("x", "y", "z"),
    ]

    shown = list(lines(found))

    assert [line[:4].strip() for line in shown] == [
        "ok",
        "note",
        "",
        "FAIL",
        "",
        "1 go",
    ]
    assert shown[2].strip() == "do: make one"
    assert shown[-1] == "1 good, 1 to note, 1 broken"


def test_a_new_site_is_well_and_nothing_is_made(site):
    before = sorted(site.rglob("*"))

    done = run()

    assert done.exit_code == 0, done.output
    assert "FAIL" not in done.output
    assert sorted(site.rglob("*")) == before


def test_what_is_broken_ends_with_1_and_is_json_for_programs(site):
    (site / "params.yaml").write_text("cohort: 1")

    done = run("--json")

    told = json.loads(done.output)
    assert done.exit_code == 1
    assert told["checks"][0]["name"] == "params.yaml"
    assert told["checks"][0]["state"] == "broken"
    assert told["broken"] >= 1


def test_in_a_folder_without_settings_it_still_answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    done = run()

    assert done.exit_code == 1
    assert "cxrmlops init" in done.output


@pytest.mark.parametrize("words", [[], ["--model"]])
def test_the_model_is_tried_only_when_asked(site, monkeypatch, words):
    asked = []
    check = Check("model", lambda: asked.append(1) or well("model", "fine"))
    monkeypatch.setattr(doctor, "MODEL_CHECK", check)

    run(*words)

    assert bool(asked) == bool(words)
