"""What the nights have done, and what a person does about it."""

from typing import Annotated

import typer

app = typer.Typer()


@app.callback(invoke_without_command=True)
def backlog(context: typer.Context) -> None:
    """How many studies stand where, and why each that is not at its end waits."""
    if context.invoked_subcommand:
        return
    from cxrmlops.backlog import folder_scan, ledger, operator_actions
    from cxrmlops.backlog.database import open_database
    from cxrmlops.backlog.open_studies import (
        confused_studies,
        open_studies,
        reason_in_full,
    )

    engine = open_database()
    for state, n in sorted(ledger.counts(engine).items()):
        typer.echo(f"{n:7d} {state}")
    for one in open_studies(engine) + confused_studies(engine):
        typer.echo(
            f"study {one.study}: {one.state} since {one.since}, "
            f"{one.attempts} attempts: {reason_in_full(one.reason)}"
        )
    for reason, (studies, files) in folder_scan.files_waiting(engine).items():
        typer.echo(f"{studies} studies ({files} files) not on the list yet: {reason}")
    for said in operator_actions.latest(engine):
        typer.echo(
            f"{said.at} {said.action} of study {said.study} by {said.user}: "
            f"{said.reason}"
        )


@app.command()
def retry(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(help="of studies, as shown; none: every failed one"),
    ] = None,
    *,
    reason: Annotated[str, typer.Option(help="why; kept in the ledger")],
) -> None:
    """Put failed studies back on the list; the next run reads them.

    A study that was rejected or forgotten comes back only if it is named. Films that
    changed or came again whole need no retry: the next run reads them by itself.

    Example: cxrmlops backlog retry 17 --reason "decoder updated"
    """
    from cxrmlops.backlog import operator_actions
    from cxrmlops.backlog.database import open_database

    done = operator_actions.retry(open_database(), numbers or [], reason=reason)
    typer.echo(f"{done} studies put back, the next run reads them")


@app.command()
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
    from cxrmlops.backlog import operator_actions
    from cxrmlops.backlog.database import open_database

    done = operator_actions.forget(open_database(), numbers, reason=reason)
    typer.echo(f"{done} studies forgotten")
