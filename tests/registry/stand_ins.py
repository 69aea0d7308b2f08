"""Versions that hold no model: what decisions about them look at, and no more."""

import json
from itertools import pairwise

from cxrmlops.registry import versions
from cxrmlops.registry.comparison_tags import note
from cxrmlops.registry.facts import COMMIT, DIRTY
from cxrmlops.registry.service import open_client
from tests.make import SCOPE

CLEAN = {COMMIT: "c" * 40, DIRTY: "no"}


def register(
    *numbers: str, tags: dict[str, str] | None = None, bundle_hash: str = ""
) -> None:
    """Register a version for each number; its bundle's hash repeats that digit.

    Each one but the first was compared with the one before.
    """
    client = open_client()
    if not client.search_registered_models(f"name = '{versions.MODEL}'"):
        client.create_registered_model(versions.MODEL)
    for before, number in pairwise(["", *numbers]):
        run = client.create_run("0", run_name=f"training-{number}", tags=tags or CLEAN)
        if before:
            compare(run.info.run_id, number, before)
        made = client.create_model_version(
            versions.MODEL,
            "file:///nowhere",
            run_id=run.info.run_id,
            tags={
                versions.BUNDLE_HASH: bundle_hash or number * 64,
                versions.SCOPE: json.dumps(SCOPE.to_json()),
            },
        )
        client.set_registered_model_alias(
            versions.MODEL, versions.CANDIDATE, made.version
        )


def compare(
    run_id: str, number: str, champion: str, *, verdict: str = "pass", why: str = "fine"
) -> None:
    """Note how the bundle of one number stands to the bundle of another."""
    one = {"verdict": verdict, "reason": why}
    judged = {"comparison": one, "bridge": {"verdict": "pass", "reason": "own"}}
    note(run_id, judged, bundle=number * 64, champion=champion * 64, margin=0.02)
