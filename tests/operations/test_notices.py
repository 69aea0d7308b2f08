import logging
import time

import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.operations import notices
from cxrmlops.operations.notices import roads, tell
from cxrmlops.params import load_site
from cxrmlops.system.errors import ParamsError, ServiceError
from tests.operations.conftest import change_site

UID = "1.2.840.113619.2.5.1762583153"


@pytest.fixture
def told(site, web, post_office):
    """A site that is told by webhook and by mail."""
    web.answers["/hook"] = (200, "ok")
    change_site(
        site,
        name="north",
        notices={
            "webhook": f"{web.address}/hook",
            "mail_to": ["a@example.org"],
            "mail_from": "cxr@example.org",
            "mail_server": f"127.0.0.1:{post_office.port}",
            "mail_security": "none",
        },
    )
    return site


def test_a_notice_goes_every_way_and_says_what_to_do(told, web, post_office):
    assert tell("night_half", "in 14, scored 12; 2 studies wait")

    content, (letter,) = web.asked[0][3], post_office.letters
    assert content["event"] == "night_half"
    assert content["text"] == (
        "cxrmlops at north: half a night: studies failed or wait. in 14, scored 12; 2 "
        "studies wait"
    )
    assert letter["Subject"].startswith("cxrmlops at north: half a night")
    assert "do: cxrmlops backlog" in letter.get_payload()


def test_no_identifier_of_a_patient_leaves_the_site(told, web, post_office):
    tell("night_failed", f"study {UID} of DOE^JANE [MRN-4711] failed, 12345678")

    everything = str(web.asked) + post_office.letters[0].as_string()
    for secret in (UID, "DOE", "MRN-4711", "12345678"):
        assert secret not in everything


def test_an_event_that_nobody_asked_for_is_told_to_nobody(site, web):
    settings = {"webhook": f"{web.address}/hook", "events": ["night_failed"]}
    change_site(site, notices=settings)

    assert not tell("night_half", "2 wait")

    assert web.asked == []


def test_one_way_that_fails_does_not_hold_up_the_other(told, web, post_office, caplog):
    web.answers["/hook"] = (500, "")

    with caplog.at_level(logging.WARNING):
        assert tell("alarm", "x")

    assert len(post_office.letters) == 1
    assert "no notice by webhook: the webhook did not take the notice" in caplog.text


def test_a_notice_never_raises_and_never_hangs(told, web, post_office, monkeypatch):
    monkeypatch.setattr(notices, "SECONDS", 0.3)
    web.hold.clear()
    post_office.is_silent = True
    begun = time.monotonic()
    assert not tell("alarm", "x")
    assert time.monotonic() - begun < 5

    (told / "site.yaml").write_text("name: [")
    assert not tell("alarm", "x")


def test_a_site_without_ways_is_told_nothing(site):
    assert roads(load_site().notices) == []
    assert not tell("alarm", "x")


def test_a_person_can_try_the_ways(told, web):
    done = CliRunner().invoke(app, ["notice", "a test"])

    assert done.exit_code == 0
    assert done.output == "told by webhook, mail; failures are named above\n"
    assert web.asked[0][3]["text"].endswith("alarm. a test")


def test_a_person_who_tries_without_ways_learns_what_to_set(site):
    with pytest.raises(
        ServiceError, match="no way is named; correct site.yaml: notices"
    ):
        CliRunner().invoke(app, ["notice", "a test"], catch_exceptions=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mail_to": ["a@example.org"]},
        {"mail_to": ["a@example.org\nBcc: b@example.org"]},
        {"webhook": "file:///etc/passwd"},
        {"events": ["everything"]},
        {"missing_after_hours": 0},
    ],
)
def test_settings_that_would_tell_nobody_are_refused_at_once(site, wrong):
    change_site(site, notices=wrong)

    with pytest.raises(ParamsError, match="notices"):
        load_site()
