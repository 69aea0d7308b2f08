"""Errors for readers who settle labels, and what they settled."""

from pathlib import Path
from typing import Annotated

import typer

from cxrmlops.commands import DATA

app = typer.Typer()


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
    from cxrmlops.data.adjudication import read_decisions, require_none_lost
    from cxrmlops.records.tables import DECISIONS, REPORTS

    known = frozenset(REPORTS.read(DATA / "cohort").study_id)
    settled = read_decisions(tables, known)
    require_none_lost(settled, out)
    DECISIONS.write(settled, out)
    typer.echo(f"{len(settled)} studies settled; set decisions: {out} in site.yaml")
