"""One command per stage of the training line, in the order the data goes."""

import os

import typer

from cxrmlops.commands import DATA

app = typer.Typer()


@app.command()
def cohort() -> None:
    """Films + reports -> one row per image, every exclusion counted."""
    from cxrmlops.data.cohort_state import is_unchanged
    from cxrmlops.params import load_params, load_site

    params, site = load_params().cohort, load_site()
    if is_unchanged(
        DATA / "cohort", params.model_dump(mode="json"), site.model_dump(mode="json")
    ):
        return  # `dvc repro` asks every time: answer before the stage loads pandas
    from cxrmlops.stages import cohort as stage

    stage.run(out=DATA / "cohort", params=params, site=site)


@app.command()
def preprocess() -> None:
    """Films -> squares of uint8 in shards, with statistics and hashes."""
    from cxrmlops.params import load_params, load_site
    from cxrmlops.stages import preprocess as stage

    stage.run(
        cohort=DATA / "cohort",
        out=DATA / "preprocess",
        params=load_params().preprocess,
        site=load_site(),
    )


@app.command()
def validate() -> None:
    """Cohort + image statistics -> rows that keep every promise, the others named."""
    from cxrmlops.params import load_params
    from cxrmlops.stages import validate as stage

    stage.run(
        cohort=DATA / "cohort",
        preprocess=DATA / "preprocess",
        out=DATA / "validate",
        params=load_params().validate_,
    )


@app.command()
def split() -> None:
    """Patients -> train, val, test."""
    from cxrmlops.params import load_params
    from cxrmlops.stages import split as stage

    stage.run(
        validate=DATA / "validate", out=DATA / "split", params=load_params().split
    )


@app.command()
def train() -> None:
    """Train films -> a bundle, its epoch and thresholds chosen on val."""
    # Read as torch loads: threads that wait sleep, so that another program's work in
    # between costs a turn, not a spin. Not at night: its own workers are niced.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from cxrmlops.params import load_params
    from cxrmlops.promotion.clean_code import warn_of_changes
    from cxrmlops.registry.lineage import origin
    from cxrmlops.registry.tracking import open_epoch_log
    from cxrmlops.stages import train as stage

    params = load_params()
    warn_of_changes(params.promotion)
    settings = params.model_dump(mode="json", by_alias=True)
    with open_epoch_log(settings) as on_epoch:
        stage.run(
            preprocess=DATA / "preprocess",
            split=DATA / "split",
            out=DATA / "train",
            params=params.train,
            on_epoch=on_epoch,
            origin=origin(),
        )


@app.command()
def evaluate() -> None:
    """Bundle + test films -> figures with intervals, plots, tables."""
    from cxrmlops.params import load_params
    from cxrmlops.stages import evaluate as stage

    stage.run(
        cohort=DATA / "cohort",
        preprocess=DATA / "preprocess",
        split=DATA / "split",
        train=DATA / "train",
        out=DATA / "evaluate",
        params=load_params().evaluate,
    )


@app.command()
def examine() -> None:
    """Bundle + train and val films -> shortcuts, and what the network looks at."""
    from cxrmlops.params import load_params
    from cxrmlops.stages import examine as stage

    stage.run(
        preprocess=DATA / "preprocess",
        split=DATA / "split",
        train=DATA / "train",
        out=DATA / "examine",
        params=load_params().examine,
    )


@app.command()
def gate() -> None:
    """Test figures -> pass or refuse, with reasons."""
    from cxrmlops.params import load_params
    from cxrmlops.stages import gate as stage

    stage.run(
        evaluate=DATA / "evaluate",
        examine=DATA / "examine",
        split=DATA / "split",
        validate=DATA / "validate",
        out=DATA / "gate",
        params=load_params().gate,
    )
