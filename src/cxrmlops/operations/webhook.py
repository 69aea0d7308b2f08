"""A notice as JSON, posted to an address: chat rooms and on-call services take that."""

import os

from cxrmlops.system.errors import ServiceError
from cxrmlops.system.http_question import NoAnswerError, post

ADDRESS, TOKEN = "CXR_NOTICE_WEBHOOK", "CXR_NOTICE_TOKEN"


def address(named: str | None) -> str | None:
    """Return where to post: CXR_NOTICE_WEBHOOK, else what site.yaml names."""
    return os.environ.get(ADDRESS) or named


def send(content: dict[str, str], *, to: str) -> None:
    """Post it once; the address, which may be a secret, is never shown.

    Raises:
        ServiceError: it was not taken.
    """
    token = os.environ.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        post(to, content, headers=headers)
    except NoAnswerError as error:
        raise ServiceError(
            f"the webhook did not take the notice ({error}); correct site.yaml: "
            f"notices.webhook, or {ADDRESS} and {TOKEN}"
        ) from None
