"""Names and tags of runs, as people look for them in Prefect.

A task is named by its own name alone: Prefect would add three digits of a hash.
"""

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from cxrmlops.params import load_params, load_site
from cxrmlops.registry.tracking import run_name
from cxrmlops.system.clock import now
from cxrmlops.system.errors import CxrError


def night() -> str:
    """Name a night by its date at the site: `night 2026-11-27`."""
    if flow_run.parameters.get("rescore") == "count":
        return "count what a night would read again"
    return f"night {_today()}".strip()


def training() -> str:
    """Name a training as its MLflow run: `train resnet152 512 seed 1`."""
    try:
        return run_name(load_params().model_dump(mode="json", by_alias=True))
    except CxrError:  # the run itself says what is wrong
        return "train"


def watching() -> str:
    """Name a watch by the night that it looks at."""
    asked = flow_run.parameters.get("night")
    return f"watch {asked or _today()}".strip()


def cleaning() -> str:
    """Name a clean-up by what it does and to what."""
    does = "remove" if flow_run.parameters.get("delete") else "count"
    return f"{does} results older than {flow_run.parameters.get('older_than')} days"


def add_tags(*names: str) -> None:
    """Give the run of this flow more tags."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, tags=sorted({*run.tags, *names}))


def _today() -> str:
    try:
        return str(now(load_site().time_zone).date())
    except CxrError:  # the run itself says what is wrong
        return ""
