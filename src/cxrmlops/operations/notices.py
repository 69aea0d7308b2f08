"""Somebody is told when something goes wrong: by webhook, by mail.

A notice that fails is logged and changes nothing else: it never fails a night.
"""

import logging
import socket
from collections.abc import Callable, Iterator

from cxrmlops.backlog.database import now
from cxrmlops.operations import mail, webhook
from cxrmlops.operations.redaction import redacted
from cxrmlops.params import Event, Notices, load_site
from cxrmlops.system.errors import CxrError
from cxrmlops.system.time_limit import Asked

SECONDS = 30.0  # for all roads together, whatever a server does
WORDS: dict[Event, str] = {
    "night_failed": "the night failed",
    "night_half": "half a night: studies failed or wait",
    "night_late": "the night is late",
    "night_missing": "the night is missing",
    "gate_refused": "a model was refused",
    "training_failed": "training failed",
    "alarm": "alarm",
}
NEXT: dict[Event, str] = {
    "night_failed": "cxrmlops doctor, then python -m flows.score",
    "night_half": "cxrmlops backlog",
    "night_late": "cxrmlops status; see the run in Prefect",
    "night_missing": "cxrmlops doctor",
    "gate_refused": "open data/gate and the evaluation report",
    "training_failed": "see the run in Prefect, then dvc repro",
    "alarm": "cxrmlops status",
}

log = logging.getLogger(__name__)


def tell(event: Event, said: str) -> bool:
    """Tell those whom site.yaml names; nobody, if the event is not among its events.

    Args:
        event: what kind.
        said: one sentence, counts and reasons; what might tell of a patient is taken
            out.

    Returns:
        Whether somebody was told. Never raises.
    """
    try:
        site = load_site()
    except CxrError as error:
        log.warning("no notice was sent: %s", error)
        return False
    if event not in site.notices.events:
        return False
    content = {
        "event": event,
        "site": site.name,
        "host": socket.gethostname(),
        "at": now(),
        "text": f"cxrmlops at {site.name}: {WORDS[event]}. {redacted(said)}",
        "do": NEXT[event],
    }
    asked = [(name, Asked(send)) for name, send in _roads(content, site.notices)]
    return any([_took(name, one) for name, one in asked])


def roads(settings: Notices) -> list[str]:
    """Name the ways by which somebody would be told; [] nobody would."""
    return [name for name, _ in _roads({}, settings)]


def _roads(
    content: dict[str, str], settings: Notices
) -> Iterator[tuple[str, Callable[[], None]]]:
    if to := webhook.address(settings.webhook):
        yield "webhook", lambda: webhook.send(content, to=to)
    if settings.mail_to:
        yield "mail", lambda: _mail(content, settings)


def _mail(content: dict[str, str], settings: Notices) -> None:
    subject = content["text"].partition(". ")[0]
    lines = [
        content["text"],
        "",
        f"do: {content['do']}",
        "",
        f"{content['event']}, {content['at']}, host {content['host']}",
    ]
    mail.send(subject, "\n".join(lines), settings=settings)


def _took(name: str, asked: "Asked[None]") -> bool:
    try:
        asked.answer(SECONDS)
    except TimeoutError:
        log.warning("no notice by %s: no answer within %g s", name, SECONDS)
    except CxrError as error:
        log.warning("no notice by %s: %s", name, error)
    except Exception as error:  # noqa: BLE001  it may quote the address, a secret
        log.warning("no notice by %s: %s", name, type(error).__name__)
    else:
        return True
    return False
