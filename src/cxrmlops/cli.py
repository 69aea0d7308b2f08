"""
`cxrmlops <command>`: one command per stage, in the order the data goes.

Nothing is decided here. Each command imports its own stage, so `--help` stays fast
and `cxrmlops split` works on a machine without torch.
"""

import logging
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from cxrmlops.errors import CxrError

DATA = Path("data")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
backlog_app = typer.Typer(pretty_exceptions_enable=False)
app.add_typer(backlog_app, name="backlog")


@app.callback()
def main(verbose: bool = False) -> None:
    """Chest X-ray CADx: from DICOM and reports to a gated model and DICOM SR.

    Start with `cxrmlops demo`, or `cxrmlops init FOLDER` for your own films.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    for chatty in ("alembic", "great_expectations"):  # at import
        logging.getLogger(chatty).setLevel(logging.WARNING)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="where the copy lives")] = Path("demo"),
    architecture: Annotated[
        str, typer.Option(help="any torchvision ResNet")
    ] = "resnet18",
    studies: Annotated[int, typer.Option(min=200, help="made-up studies")] = 2000,
    seed: Annotated[int, typer.Option(help="same seed, same films")] = 20240131,
    bias: Annotated[
        float,
        typer.Option(min=0, max=1, help="how often the vendor gives the label away"),
    ] = 0.0,
) -> None:
    """Run the whole line on made-up films: train, gate, register, score a night.

    Example: cxrmlops demo --architecture resnet152

    See the gate refuse a shortcut: cxrmlops demo --bias 0.9 --folder demo_biased
    """
    from cxrmlops import demo as line

    line.run(
        folder=folder, architecture=architecture, studies=studies, seed=seed, bias=bias
    )


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="folder of films, any names, nested")],
    reports: Annotated[
        Path | None,
        typer.Option(help="report table or archive; else looked for"),
    ] = None,
    source: Annotated[
        Literal["hospital", "nih", "openi"] | None,
        typer.Option(help="of films and reports; else by their look"),
    ] = None,
    force: Annotated[bool, typer.Option(help="point site.yaml at other films")] = False,
) -> None:
    """Make site.yaml, params.yaml and addresses.env here, for your own films.

    Example: cxrmlops init /archive/chest --reports /archive/reports.csv
    """
    from cxrmlops.site_setup import set_up

    typer.echo(set_up(folder, reports=reports, source=source, force=force))


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
    from cxrmlops.params import load_params
    from cxrmlops.registry.tracking import open_epoch_log
    from cxrmlops.stages import train as stage

    params = load_params()
    settings = params.model_dump(mode="json", by_alias=True)
    with open_epoch_log(settings) as on_epoch:
        stage.run(
            preprocess=DATA / "preprocess",
            split=DATA / "split",
            out=DATA / "train",
            params=params.train,
            on_epoch=on_epoch,
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


@app.command()
def errors(
    out: Annotated[Path, typer.Option(help="folder, replaced")] = Path("errors"),
    most: Annotated[int, typer.Option(min=1, help="errors of each kind")] = 100,
    right: Annotated[int, typer.Option(min=0, help="right answers to draw")] = 50,
    seed: Annotated[int, typer.Option(help="of the draw")] = 1,
) -> None:
    """Test errors with films and maps, and a table for readers who settle labels.

    Films of patients: the folder stays at the site and goes to no server.

    Example: cxrmlops errors --out errors
    """
    from cxrmlops.reporting.error_review import write_review

    counts = write_review(DATA, out, most=most, right=right, seed=seed)
    told = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts.items())
    typer.echo(f"{told}: open {out / 'index.html'}, fill in adjudication.csv")


@app.command()
def adjudicate(
    tables: Annotated[list[Path], typer.Argument(help="CSV files, filled in")],
    out: Annotated[Path, typer.Option(help="folder for the decisions")] = Path(
        "decisions"
    ),
) -> None:
    """Check what readers settled, and make a table that the cohort takes as input.

    Name the folder in site.yaml (decisions), then run dvc repro.

    Example: cxrmlops adjudicate errors/adjudication.csv
    """
    from cxrmlops.data.adjudication import read_decisions
    from cxrmlops.tables import DECISIONS, REPORTS

    known = frozenset(REPORTS.read(DATA / "cohort").study_id)
    settled = read_decisions(tables, known)
    DECISIONS.write(settled, out)
    typer.echo(f"{len(settled)} studies settled; set decisions: {out} in site.yaml")


@app.command()
def score(
    films: Annotated[Path, typer.Argument(help="a file, or a folder of them")],
    out: Annotated[Path, typer.Option(help="folder for results")],
    model: Annotated[Path, typer.Option(help="bundle of the model")] = (
        DATA / "train" / "bundle"
    ),
) -> None:
    """Films -> answers with reports and maps; needs no ledger and no server.

    Example: cxrmlops score new_films --out results
    """
    from cxrmlops.clock import now
    from cxrmlops.data.backlog_film import list_backlog
    from cxrmlops.params import load_params, load_site
    from cxrmlops.reporting.outcomes import outcome_lines
    from cxrmlops.stages import report as report_stage
    from cxrmlops.stages import score as stage

    params, site = load_params(), load_site()
    stage.run(
        films=list_backlog(films, skip=[out]),
        bundle=model,
        out=out / "score",
        params=params.score,
        chest_words=site.chest_words,
        min_age_years=params.cohort.min_age_years,
        started=now(site.time_zone),
    )
    report_stage.run(
        score=out / "score", out=out / "report", params=params.report, site=site
    )
    for line in outcome_lines(out / "score", below=films if films.is_dir() else Path()):
        typer.echo(line)
    typer.echo(f"Open {out / 'report' / 'reading_list.html'}; objects lie beside it.")


@app.command()
def report(
    score: Annotated[Path, typer.Argument(help="what `cxrmlops score` calls score")],
    out: Annotated[Path, typer.Option(help="folder for results")],
) -> None:
    """Stored answers -> structured reports, overlays, FHIR bundles, a reading list.

    Example: cxrmlops report results/score --out results/report
    """
    from cxrmlops.params import load_params, load_site
    from cxrmlops.stages import report as stage

    stage.run(score=score, out=out, params=load_params().report, site=load_site())


@app.command()
def register() -> None:
    """Complete the MLflow run of the last training; its bundle becomes candidate.

    The training flow does the same. A bundle is registered once, only if its gate let
    it pass, and only if it is not worse than the champion on the same test patients.
    """
    from cxrmlops import registration
    from cxrmlops.errors import BundleError
    from cxrmlops.params import load_params, load_site

    params = load_params()
    settings = params.model_dump(mode="json", by_alias=True)
    run_id, _ = registration.record(settings, data=DATA)
    offer = registration.offer(
        run_id, gate=params.gate, chest_words=load_site().chest_words, data=DATA
    )
    if offer.refused:
        raise BundleError(f"not registered: {offer.said}")
    typer.echo(offer.said)


@app.command()
def approve(
    name: Annotated[str, typer.Option(help="who decides")],
    reason: Annotated[str, typer.Option(help="why")],
    version: Annotated[str, typer.Option(help="number or alias")] = "candidate",
) -> None:
    """Put a registered version in use; who, when and why is kept for good.

    Where `gate.approvers` is 2, the first of two different people only signs.

    Example: cxrmlops approve --name "A. Person" --reason "gates passed, maps looked at"
    """
    from cxrmlops import approval
    from cxrmlops.params import load_params

    typer.echo(
        approval.approve(version, name=name, reason=reason, gate=load_params().gate)
    )


@app.command("roll-back")
def roll_back(
    name: Annotated[str, typer.Option(help="who decides")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Put the champion before back in use; who, when and why is kept for good.

    Example: cxrmlops roll-back --name "A. Person" --reason "too many false alarms"
    """
    from cxrmlops import approval

    typer.echo(approval.roll_back(name=name, reason=reason))


@app.command()
def history(
    verify: Annotated[bool, typer.Option(help="check that no row was changed")] = False,
) -> None:
    """Who let which version in, kept it out or rolled it back, when and why."""
    from cxrmlops.backlog import history as book
    from cxrmlops.errors import DataError

    rows = book.entries()
    for row in rows:
        typer.echo(
            f"{row.number}  {row.at}  {row.event} version {row.version} "
            f"(bundle {row.bundle_hash[:12]}) by {row.name}: {row.reason}"
        )
    for row in book.waiting(rows):
        typer.echo(
            f"waiting: version {row.version} is signed by {row.name}, another person "
            f"is needed: cxrmlops approve --version {row.version}"
        )
    if verify and (broken := book.first_broken(rows)) is not None:
        raise DataError(f"the history was changed: row {broken} breaks its seal")
    if verify:
        typer.echo(f"{len(rows)} rows, every seal holds")


@app.command()
def trace(
    asked: Annotated[
        str, typer.Argument(help="a report's file or UID, or a bundle's hash")
    ],
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """From a report to the night, the model, the decision, the code and the data.

    Example: cxrmlops trace data/archive/2.25.1234.dcm
    """
    from json import dumps

    from cxrmlops.trace import follow

    found = follow(asked)
    if json:
        typer.echo(dumps(found.links | {"missing": found.missing}, indent=2))
        return
    for line in found.lines():
        typer.echo(line)


@backlog_app.callback(invoke_without_command=True)
def backlog(context: typer.Context) -> None:
    """How many studies stand where, and which of them wait for a person or a run."""
    if context.invoked_subcommand:
        return
    from cxrmlops.backlog import decisions, ledger
    from cxrmlops.backlog.database import open_database

    engine = open_database()
    for state, n in sorted(ledger.counts(engine).items()):
        typer.echo(f"{n:7d} {state}")
    for one in ledger.stuck(engine):
        typer.echo(
            f"study {one.number}: {one.state} since {one.since}, "
            f"{one.attempts} attempts: {one.reason}"
        )
    for said in decisions.latest(engine):
        typer.echo(
            f"{said.at} {said.action} of study {said.study} by {said.user}: "
            f"{said.reason}"
        )


@backlog_app.command()
def retry(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="of studies; none: every failed one")
    ] = None,
    *,
    reason: Annotated[str, typer.Option(help="why; kept in the ledger")],
) -> None:
    """Put failed studies back on the list; the next run reads them.

    A study that was forgotten comes back only if it is named.

    Example: cxrmlops backlog retry 17 --reason "decoder updated"
    """
    from cxrmlops.backlog import decisions
    from cxrmlops.backlog.database import open_database

    done = decisions.retry(open_database(), numbers or [], reason=reason)
    typer.echo(f"{done} studies put back, the next run reads them")


@backlog_app.command()
def forget(
    numbers: Annotated[list[int], typer.Argument(help="of studies, as shown")],
    reason: Annotated[str, typer.Option(help="why; kept in the ledger")],
) -> None:
    """Take studies that wait or failed off the list for good: nobody will read them.

    Their rows stay in the ledger and are counted as forgotten. The same films do not
    come back, whatever the model; a film that arrives late makes a new entry. No file
    and no delivered object is touched. `cxrmlops backlog retry NUMBER` takes it back.

    Example: cxrmlops backlog forget 17 --reason "phantom of the service engineer"
    """
    from cxrmlops.backlog import decisions
    from cxrmlops.backlog.database import open_database

    done = decisions.forget(open_database(), numbers, reason=reason)
    typer.echo(f"{done} studies forgotten")


def run() -> NoReturn:
    """Run the command line; our own errors end with one line, not a traceback."""
    try:
        app()
    except CxrError as error:
        raise SystemExit(f"error: {error}") from None
    raise SystemExit(0)


if __name__ == "__main__":
    run()
