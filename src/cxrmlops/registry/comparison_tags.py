"""How a bundle stands to the one in use, kept with its run and its version."""

from collections.abc import Mapping
from typing import Any

from cxrmlops.registry.service import open_client, translated
from cxrmlops.registry.versions import MODEL, Version

PAIR = ("cxr.compared.bundle", "cxr.compared.champion", "cxr.compared.margin")  # tags
QUESTIONS = ("comparison", "bridge")
PAGE = "champion/{}.json"  # of the run: the figures behind the verdicts

Judged = Mapping[str, Mapping[str, Any]]  # question -> verdict, reason, figures


def note(
    run_id: str, judged: Judged, *, bundle: str, champion: str, margin: float
) -> None:
    """Write verdicts as tags of the training's run, and the figures as a page of it.

    Args:
        run_id: of the training.
        judged: plain values, one entry a question.
        bundle: hash of the candidate.
        champion: hash of the bundle it was compared with.
        margin: of the comparison.
    """
    with translated():
        client = open_client()
        figures = {question: dict(one) for question, one in judged.items()}
        client.log_dict(run_id, figures, PAGE.format(champion[:12]))
        for question, said in _said(judged).items():
            client.set_tag(run_id, question, said)
        # last: a run that names the pair has all the rest
        for tag, value in zip(PAIR, (bundle, champion, str(margin)), strict=True):
            client.set_tag(run_id, tag, value)


def show(version: Version, judged: Judged) -> None:
    """Write the verdicts beside the version, where people look."""
    with translated():
        client = open_client()
        for question, said in _said(judged).items():
            client.set_model_version_tag(MODEL, version.number, question, said)


def read(
    tags: Mapping[str, str], *, bundle: str, champion: str, margin: float | None = None
) -> dict[str, dict[str, str]]:
    """Return verdict and reason of each question; {} if this pair was not compared.

    Args:
        tags: of the training's run.
        bundle: hash of the candidate.
        champion: hash of the bundle in use.
        margin: of the comparison; None: whatever it was.
    """
    asked = (bundle, champion, tags.get(PAIR[2]) if margin is None else str(margin))
    if tuple(tags.get(tag) for tag in PAIR) != asked:
        return {}
    told = {question: tags[f"cxr.{question}"].split(": ", 1) for question in QUESTIONS}
    return {
        q: {"verdict": verdict, "reason": why} for q, (verdict, why) in told.items()
    }


def _said(judged: Judged) -> dict[str, str]:
    return {
        f"cxr.{q}": f"{one['verdict']}: {one['reason']}" for q, one in judged.items()
    }
