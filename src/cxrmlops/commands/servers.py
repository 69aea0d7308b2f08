"""The servers of this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cxrmlops.stack.stack import State

app = typer.Typer()


@app.command()
def up(
    boot: Annotated[
        bool, typer.Option(help="start them at boot, too, by a unit of systemd")
    ] = False,
) -> None:
    """Start PostgreSQL, Prefect, MLflow, Orthanc, OHIF and a worker on this machine.

    All on loopback, with passwords of their own, the schedule in the time zone of
    site.yaml. What runs is left alone, so it can be said again at any time.

    Example: cxrmlops up --boot
    """
    from cxrmlops.params import load_site
    from cxrmlops.stack import stack

    here = Path()
    states = stack.up(load_site(), project=here)
    _show(states)
    if boot:
        typer.echo(stack.enable_at_boot(here))
    folder = stack.folder_of(here)
    typer.echo(f"passwords: {folder / stack.PASSWORDS}, MLflow's user is admin")
    typer.echo(f"this shell: set -a; . {folder / stack.ADDRESSES}; set +a")


@app.command()
def down() -> None:
    """Stop the servers that `cxrmlops up` started here; what they keep stays.

    Example: cxrmlops down
    """
    from cxrmlops.stack import stack

    stopped = stack.down(project=Path())
    typer.echo("servers stopped" if stopped else "no server of this project runs")


@app.command()
def servers() -> None:
    """Say of each server whether it is well, and where it is; exit code 1 if not.

    Example: cxrmlops servers
    """
    from cxrmlops.params import load_site
    from cxrmlops.stack import stack

    states = list(stack.status(load_site(), project=Path()))
    _show(states)
    if not all(state.well for state in states):
        raise typer.Exit(1)


@app.command()
def compose(
    folder: Annotated[
        Path, typer.Option(help="passwords and settings that the containers mount")
    ] = Path(".containers"),
) -> None:
    """Write infra/compose.yaml and what it mounts: the same servers as containers.

    It ends with the command of Docker Compose that starts them.

    Example: cxrmlops compose
    """
    from cxrmlops.params import load_site
    from cxrmlops.stack import containers
    from cxrmlops.system.files import write_text

    site = load_site()
    containers.prepare(folder, site)
    write_text(Path("infra/compose.yaml"), containers.compose(time_zone=site.time_zone))
    typer.echo("docker compose -p cxrmlops -f infra/compose.yaml up --build")


def _show(states: "list[State]") -> None:
    for state in states:
        word = "well" if state.well else state.process.lower() or "not started"
        typer.echo(f"{state.service.title:<15} {word:<12} {state.address}")
