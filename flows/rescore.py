"""What a night would read again because another model has answered it."""

from functools import partial
from pathlib import Path
from typing import Literal

from prefect import get_run_logger, task

from cxrmlops.backlog import folder_scan, night_counts
from cxrmlops.backlog.database import open_database
from cxrmlops.model.bundle import read_bundle
from cxrmlops.params import load_params, load_site
from cxrmlops.promotion.approval import champion_bundle

Rescore = Literal["no", "count", "yes"]


@task(name="count again", task_run_name="count again")
def count_again(model: str) -> str:
    """Say how much would be read and sent again; read, enter and send nothing.

    Args:
        model: folder of a bundle; empty takes the champion.
    """
    bundle = read_bundle(Path(model) if model else champion_bundle())
    engine, site = open_database(), load_site()
    again = night_counts.answered_by_others(engine, bundle.key)
    arrived, _ = folder_scan.look(
        site.backlog,
        known=partial(folder_scan.known_images, engine),
        settle_minutes=load_params().score.settle_minutes,
    )
    here = len(again & set(arrived.studies))
    said = (
        f"would be read and reported again: {here} studies that another model has "
        f"answered and whose films lie in the backlog; {len(again) - here} more if the "
        "archive gives their films. Nothing was sent"
    )
    get_run_logger().info("%s", said)
    return said
