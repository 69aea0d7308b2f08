import pytest

from cxrmlops.operations import webhook
from cxrmlops.system.errors import ServiceError


def test_a_token_from_the_environment_travels_with_the_notice(web, monkeypatch):
    monkeypatch.setenv("CXR_NOTICE_TOKEN", "t0ken")
    web.answers["/hook"] = (200, "ok")

    webhook.send({"event": "alarm"}, to=f"{web.address}/hook")

    _, _, headers, content = web.asked[0]
    assert headers["Authorization"] == "Bearer t0ken"
    assert content == {"event": "alarm"}


def test_a_refusal_is_told_without_the_address_which_may_be_a_secret(web):
    with pytest.raises(ServiceError, match="HTTP 404") as error:
        webhook.send({}, to=f"{web.address}/s3cret")

    assert "s3cret" not in str(error.value)


def test_the_address_in_the_environment_comes_first(monkeypatch):
    assert webhook.address("https://a.example") == "https://a.example"
    monkeypatch.setenv("CXR_NOTICE_WEBHOOK", "https://b.example")
    assert webhook.address("https://a.example") == "https://b.example"
