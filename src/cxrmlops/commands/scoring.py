"""Films without a ledger: answers, reports from stored answers, a watch over them."""

from pathlib import Path
from typing import Annotated

import typer

from cxrmlops.commands import DATA

app = typer.Typer()


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
    from cxrmlops.data.backlog_image import list_backlog
    from cxrmlops.params import load_params, load_site, scope_of
    from cxrmlops.reporting.outcomes import outcome_lines
    from cxrmlops.stages import report as report_stage
    from cxrmlops.stages import score as stage
    from cxrmlops.system.clock import now
    from cxrmlops.system.files import require_ours

    require_ours(out / "score", stage.FILES, where="score: --out")
    params, site = load_params(), load_site()
    stage.run(
        paths=list_backlog(films, skip=[out]),
        bundle=model,
        out=out / "score",
        params=params.score,
        scope=scope_of(params.cohort, site),
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
def watch(
    score: Annotated[
        Path, typer.Argument(help="answers: of the nights, or of `cxrmlops score`")
    ] = DATA / "score",
    out: Annotated[Path, typer.Option(help="folder; one a night below it")] = (
        DATA / "watch"
    ),
    model: Annotated[Path, typer.Option(help="bundle of the model")] = (
        DATA / "train" / "bundle"
    ),
    night: Annotated[str, typer.Option(help="YYYY-MM-DD; else the last")] = "",
) -> None:
    """Answers of the nights + what val looked like -> drift, performance, alarms.

    Reports that have arrived (site.yaml: arrived) give the realised performance. An
    alarm changes nothing and is no error: what to do stands in docs/how-to/watch.md.

    Example: cxrmlops watch --night 2026-12-24
    """
    from cxrmlops.params import load_params, load_site
    from cxrmlops.stages import watch as stage

    found = stage.run(
        score=score,
        bundle=model,
        out=out,
        params=load_params().watch,
        site=load_site(),
        night=night,
    )
    for alarm in found.alarms:
        typer.echo(
            f"alarm since {alarm.since}: {alarm.said} "
            f"(docs/how-to/watch.md, {alarm.runbook})"
        )
    if not found.alarms:
        typer.echo(f"night {found.date}: no alarm")
    typer.echo(f"Open {out / found.date / 'watch.html'}.")
