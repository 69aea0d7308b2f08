"""Every morning: what the nights looked like, what they were worth, and alarms."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from typer import Option, run

from flows.by_hand import begin_by_hand, completed

if __name__ == "__main__":
    begin_by_hand()  # first: what is loaded below takes seconds

from cxrmlops.params import load_params, load_site
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.approval import champion_bundle
from cxrmlops.promotion.challenger_comparison import compare_challenger
from cxrmlops.promotion.rollout_log import challenger_of
from cxrmlops.records.watch import Watch
from cxrmlops.registry.watch_log import log_watch
from cxrmlops.reporting.challenger_page import challenger_text, write_page
from cxrmlops.reporting.watch_text import watch_text
from cxrmlops.stages import watch as stage
from flows.names import watching
from flows.outcome import DELAYS, RedactForeignErrors, unreachable

SCORE, WATCH = Path("data/score"), Path("data/watch")
CHALLENGER = Path("data/challenger")


@flow(name="watch", flow_run_name=watching)
def watch(model: str = "", night: date | None = None) -> State[Any]:
    """Compare the nights with val, and answers with the reports that have arrived.

    A night with alarms ends in a state named `Alarm`, on which an automation can send a
    message; it is completed, for the watch has done its work.

    Args:
        model: folder of a bundle; empty takes the champion.
        night: its date at the site; empty takes the last one with answers.
    """
    found = look(model, str(night or ""))
    record(found)
    show(found)
    show_challenger(return_state=True)  # what fails there is no failed watch
    if not found.alarms:
        return Completed(message=f"night {found.date}: no alarm")
    said = [
        f"{one.said}; see docs/how-to/watch.md, {one.runbook}" for one in found.alarms
    ]
    return Completed(name="Alarm", message=f"night {found.date}: " + " | ".join(said))


@task(name="watch", task_run_name="watch")
def look(model: str, night: str) -> Watch:
    """Compute, and write data/watch/<night>/."""
    with RedactForeignErrors(WATCH.with_suffix(".failed.txt")):
        return stage.run(
            score=SCORE,
            bundle=Path(model) if model else champion_bundle(),
            out=WATCH,
            params=load_params().watch,
            site=load_site(),
            night=night,
        )


@task(
    name="record",
    task_run_name="record",
    retries=3,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=unreachable,
)
def record(found: Watch) -> None:
    """Write the night's figures and its page into MLflow's experiment `watch`."""
    run_id = log_watch(found, WATCH / found.date / "watch.html")
    get_run_logger().info("MLflow run %s", run_id)


@task(name="show", task_run_name="show")
def show(found: Watch) -> None:
    """Show the night in Prefect: counts and figures, nobody's name."""
    create_markdown_artifact(
        watch_text(found), key="watch", description=f"Watch of the night {found.date}"
    )


@task(name="challenger", task_run_name="challenger")
def show_challenger() -> None:
    """Compare the version that reads along with the champion, if there is one."""
    if not challenger_of(approval_log.entries()):
        return
    with RedactForeignErrors(CHALLENGER.with_suffix(".failed.txt")):
        found = compare_challenger(load_params(), load_site())
        write_page(CHALLENGER, found)
    create_markdown_artifact(
        challenger_text(found), key="challenger", description="Challenger and champion"
    )


def main(
    model: Annotated[str, Option(help="folder of a bundle; else the champion")] = "",
    night: Annotated[
        datetime | None, Option(formats=["%Y-%m-%d"], help="else the last one")
    ] = None,
) -> None:
    """Compare the nights with val, and answers with the reports that have arrived.

    Example: python -m flows.watch --model data/train/bundle
    """
    day = night.date() if night else None
    completed(lambda: watch(model=model, night=day, return_state=True), tag="watch")


if __name__ == "__main__":
    run(main)
