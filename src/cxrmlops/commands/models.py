"""Which model is in use, who let it in, and what stands behind a report."""

from typing import Annotated

import typer

from cxrmlops.commands import DATA

app = typer.Typer()


@app.command()
def register() -> None:
    """Complete the MLflow run of the last training; its bundle becomes candidate.

    The training flow does the same. A bundle is registered once, only if its gate let
    it pass, and only if it is not worse than the champion on the same test patients.
    """
    from cxrmlops.params import load_params
    from cxrmlops.promotion import registration
    from cxrmlops.system.errors import BundleError

    params = load_params()
    settings = params.model_dump(mode="json", by_alias=True)
    run_id, _ = registration.record(settings, data=DATA)
    offer = registration.offer(run_id, params=params.promotion, data=DATA)
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

    Where `promotion.approvers` is 2, the first of two different people only signs.

    Example: cxrmlops approve --name "A. Person" --reason "gates passed, maps looked at"
    """
    from cxrmlops.params import load_params, load_site, scope_of
    from cxrmlops.promotion import approval

    params = load_params()
    scope = scope_of(params.cohort, load_site())
    typer.echo(
        approval.approve(
            version, name=name, reason=reason, params=params.promotion, scope=scope
        )
    )


@app.command("roll-back")
def roll_back(
    name: Annotated[str, typer.Option(help="who decides")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Put the champion before back in use; who, when and why is kept for good.

    Example: cxrmlops roll-back --name "A. Person" --reason "too many false alarms"
    """
    from cxrmlops.promotion import approval

    typer.echo(approval.roll_back(name=name, reason=reason))


@app.command()
def history(
    verify: Annotated[bool, typer.Option(help="check that no row was changed")] = False,
) -> None:
    """Who let which version in, kept it out or rolled it back, when and why."""
    from cxrmlops.promotion import approval_log as book
    from cxrmlops.system.errors import DataError

    rows = book.entries()
    for row in rows:
        named = f"version {row.version} (bundle {row.bundle_hash[:12]})"
        what = named if row.version else "without a model in use"
        typer.echo(
            f"{row.number}  {row.at}  {row.event} {what} by {row.name}: {row.reason}"
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

    from cxrmlops.promotion.trace import follow

    found = follow(asked)
    if json:
        typer.echo(dumps(found.links | {"missing": found.missing}, indent=2))
        return
    for line in found.lines():
        typer.echo(line)
