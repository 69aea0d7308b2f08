"""Keeping it running: what is wrong, how the last night ended, backup, cleaning up."""

from pathlib import Path
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


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    prometheus: Annotated[
        Path | None, typer.Option(help="write a text file for node_exporter; - prints")
    ] = None,
    notify: Annotated[
        bool, typer.Option(help="tell of a late, missing or killed night, once")
    ] = False,
) -> None:
    """How the last night ended, what waits, what failed, which nights were late.

    One line as Nagios reads it. Exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

    Example: cxrmlops status

    From cron or a timer, every hour: cxrmlops status --notify
    """
    from cxrmlops.operations import prometheus as numbers
    from cxrmlops.operations.overdue import tell_overdue
    from cxrmlops.operations.status import UNKNOWN, WORDS, look
    from cxrmlops.params import load_site
    from cxrmlops.system.errors import CxrError

    is_printed = str(prometheus) == "-"
    try:
        found = look(load_site().notices)
        if notify:
            tell_overdue(found)
        if prometheus is not None and not is_printed:
            numbers.write(found, prometheus)
    except CxrError as error:
        typer.echo(f"CXR {WORDS[UNKNOWN]} - {error}")
        raise typer.Exit(UNKNOWN) from None
    if json:
        typer.echo(found.json())
    else:
        typer.echo(numbers.text(found).rstrip() if is_printed else found.line())
    raise typer.Exit(found.level)


@app.command()
def notice(
    text: Annotated[str, typer.Argument(help="one sentence, no patient in it")],
) -> None:
    """Send an alarm by the ways of site.yaml: notices; to try them, or from a script.

    Example: cxrmlops notice "a test, nothing is wrong"
    """
    from cxrmlops.operations.notices import roads, tell
    from cxrmlops.params import load_site
    from cxrmlops.system.errors import ServiceError

    named = roads(load_site().notices)
    if not tell("alarm", text):
        why = "see the lines above" if named else "no way is named"
        raise ServiceError(
            f"nobody was told: {why}; correct site.yaml: notices (webhook, mail_to, "
            "events), then try again"
        )
    typer.echo(f"told by {', '.join(named)}; failures are named above")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="for backups, on another disk")],
    without_mlflow: Annotated[
        bool, typer.Option("--without-mlflow", help="its database is saved elsewhere")
    ] = False,
) -> None:
    """Save ledger, MLflow, bundles, settings and audit stream into a new folder there.

    A night may go on meanwhile. The key of the pseudonyms is named by its fingerprint
    and not copied.

    Example: cxrmlops backup /backups
    """
    from cxrmlops.operations.backup import back_up

    made = back_up(folder, with_mlflow=not without_mlflow)
    typer.echo("\n".join(made.lines()))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="one backup, as named when made")],
    force: Annotated[bool, typer.Option(help="write over what is there")] = False,
) -> None:
    """Bring a backup back, after every file of it was checked.

    Nothing is written over without --force, and an audit stream never.

    Example: cxrmlops restore /backups/cxrmlops-20260309T021407.113Z
    """
    from cxrmlops.operations import restore as bring_back

    typer.echo("\n".join(bring_back.restore(folder, force=force)))


@app.command()
def clean(
    older_than: Annotated[int, typer.Option(min=1, help="days")] = 90,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--delete", help="only count, or remove")
    ] = True,
) -> None:
    """Remove results of studies that were delivered long ago; counts only, by default.

    The archive has the objects. Reading lists of those nights lose their pictures.

    Example: cxrmlops clean --older-than 90 --delete
    """
    from cxrmlops.operations.clean_up import look, remove

    found = look(older_than)
    if not dry_run:
        remove(found)
    typer.echo("\n".join(found.lines(removed=not dry_run)))
    if dry_run and found.items:
        typer.echo("nothing was removed: add --delete")
