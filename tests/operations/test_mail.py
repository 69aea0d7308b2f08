import base64
import time

import pytest

from cxrmlops.operations import mail
from cxrmlops.params import Notices
from cxrmlops.system.errors import AccessError, ParamsError, ServiceError


def settings(server: str, security: str = "none") -> Notices:
    return Notices(
        mail_to=["a@example.org", "b@example.org"],
        mail_from="cxr@example.org",
        mail_server=server,
        mail_security=security,
    )


@pytest.fixture
def place(post_office) -> str:
    return f"127.0.0.1:{post_office.port}"


def test_everybody_gets_one_letter_that_no_machine_answers(place, post_office):
    mail.send(
        "the night\r\nBcc: x@example.org",
        "two lines\nof text",
        settings=settings(place),
    )

    (letter,) = post_office.letters
    assert post_office.sent_to == ["a@example.org", "b@example.org"]
    assert letter["Subject"] == "the night Bcc: x@example.org"
    assert letter["From"] == "cxr@example.org"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_payload(decode=True).decode().splitlines() == [
        *("two lines", "of text")
    ]


def test_a_login_comes_from_the_environment(place, post_office, monkeypatch):
    monkeypatch.setenv("CXR_SMTP_USER", "cxr")
    monkeypatch.setenv("CXR_SMTP_PASSWORD", "s3cret")

    mail.send("s", "t", settings=settings(place))

    said = base64.b64decode(post_office.logins[0].split()[-1])
    assert said == b"\0cxr\0s3cret"


def test_a_password_never_goes_to_another_machine_in_clear(monkeypatch):
    monkeypatch.setenv("CXR_SMTP_USER", "cxr")

    with pytest.raises(ParamsError, match="in clear"):
        mail.send("s", "t", settings=settings("mail.example.org"))


def test_recipients_that_are_refused_are_the_sites_to_correct(place, post_office):
    post_office.refuses = True

    with pytest.raises(AccessError, match="refused sender or recipients"):
        mail.send("s", "t", settings=settings(place))

    assert post_office.letters == []


def test_a_server_without_tls_is_not_spoken_to_in_clear(place, post_office):
    with pytest.raises(ServiceError, match="mail_security"):
        mail.send("s", "t", settings=settings(place, "starttls"))

    assert post_office.letters == []


@pytest.mark.parametrize("server", ["127.0.0.1:9", "no.invalid:25"])
def test_a_server_that_is_not_there_is_told(server):
    with pytest.raises(ServiceError, match="did not take the notice"):
        mail.send("s", "t", settings=settings(server))


def test_a_silent_server_is_not_waited_for(place, post_office, monkeypatch):
    monkeypatch.setattr(mail, "SECONDS", 0.3)
    post_office.is_silent = True
    begun = time.monotonic()

    with pytest.raises(ServiceError):
        mail.send("s", "t", settings=settings(place))

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("server", ["host:port", ":25"])
def test_a_server_that_is_no_address_is_refused(server):
    with pytest.raises(ParamsError, match="mail_server"):
        mail.send("s", "t", settings=settings(server))
