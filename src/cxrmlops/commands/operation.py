"""Keeping it running: what is wrong, how the last night ended, backup, cleaning up."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def doctor(
    model: Annotated[
        bool, typer.Option(help="also let the champion read its test films: slower")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Try settings, servers, archive, machine and model; say what to do. Seconds.

    Nothing is changed; a champion on a server is fetched into .work/models. Exit code
    1 if something is broken, else 0.

    Example: cxrmlops doctor
    """
    from dataclasses import asdict
    from json import dumps

    from cxrmlops.operations.doctor import CHECKS, MODEL_CHECK, examine, lines

    found = examine((*CHECKS, MODEL_CHECK) if model else CHECKS)
    failed = sum(one.state == "broken" for one in found)
    if json:
        told = {"checks": [asdict(one) for one in found], "broken": failed}
        typer.echo(dumps(told, indent=2))
    else:
        typer.echo("\n".join(lines(found)))
    raise typer.Exit(1 if failed else 0)
