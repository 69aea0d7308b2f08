import pytest

from cxrmlops.system import http_question
from cxrmlops.system.http_question import NoAnswerError, get, post, without_login


def test_json_of_an_answer_is_given_and_a_login_is_sent(web):
    web.answers["/health"] = (200, {"well": True})

    assert get(f"{web.address}/health", headers={"Authorization": "Bearer t"}) == {
        "well": True
    }
    assert web.asked[0][2]["Authorization"] == "Bearer t"


def test_what_is_posted_arrives_as_json(web):
    web.answers["/hook"] = (200, "ok")

    post(f"{web.address}/hook", {"event": "x"})

    method, path, headers, content = web.asked[0]
    assert (method, path, content) == ("POST", "/hook", {"event": "x"})
    assert headers["Content-Type"] == "application/json"


def test_a_redirect_is_not_followed_with_our_login(web):
    web.answers["/health"] = (302, f"{web.address}/elsewhere")

    with pytest.raises(NoAnswerError, match="HTTP 302") as error:
        get(f"{web.address}/health")

    assert error.value.status == 302

    assert [asked[1] for asked in web.asked] == ["/health"]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/", "http://[", "nonsense", "http://no.invalid/"]
)
def test_no_answer_is_told_without_the_address(address):
    with pytest.raises(NoAnswerError) as error:
        get(address)

    assert address not in str(error.value)
    assert error.value.status is None


def test_a_service_that_is_silent_is_not_waited_for(web, monkeypatch):
    monkeypatch.setattr(http_question, "SECONDS", 0.2)
    web.hold.clear()

    with pytest.raises(NoAnswerError):
        get(f"{web.address}/health")


def test_an_address_is_shown_without_login_and_query():
    assert without_login("https://u:p@host:1/path?k=v") == "https://host:1/path"
    assert without_login("http://[") == "the address given"
