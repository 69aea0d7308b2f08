"""`cxrmlops <command>`; the commands themselves are in `cxrmlops.commands`."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from cxrmlops.commands import (
    backlog,
    export,
    models,
    operation,
    review,
    rollout,
    scoring,
    servers,
    stages,
)
from cxrmlops.system.errors import CxrError
from cxrmlops.system.garbage import collect_seldom
from cxrmlops.system.loopback import spare_loopback
from cxrmlops.system.processes import guarded
from cxrmlops.system.ranks import is_first

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main(verbose: bool = False) -> None:
    """Chest X-ray CADx: from DICOM and reports to a gated model and DICOM SR.

    Start with `cxrmlops demo`, or `cxrmlops init FOLDER` for your own films.
    """
    logging.basicConfig(
        # the copies of a distributed training would say the same once more
        level=(logging.DEBUG if verbose else logging.INFO)
        if is_first()
        else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    for chatty in ("alembic", "great_expectations"):  # at import
        logging.getLogger(chatty).setLevel(logging.WARNING)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="where the copy lives")] = Path("demo"),
    architecture: Annotated[
        str, typer.Option(help="any torchvision ResNet, or resnet18_narrow")
    ] = "resnet18",
    studies: Annotated[int, typer.Option(min=200, help="made-up studies")] = 2000,
    seed: Annotated[int, typer.Option(help="same seed, same films")] = 20240131,
    bias: Annotated[
        float,
        typer.Option(min=0, max=1, help="how often the vendor gives the label away"),
    ] = 0.0,
    viewer: Annotated[
        bool, typer.Option(help="store the night in the archive of `cxrmlops up`, too")
    ] = False,
) -> None:
    """Run the whole line on made-up films: train, gate, register, score a night.

    Example: cxrmlops demo --architecture resnet152

    See its reports in OHIF: make stack, then cxrmlops demo --viewer

    See the gate refuse a shortcut: cxrmlops demo --bias 0.9 --folder demo_biased
    """
    try:
        from cxrmlops.quickstart import demo as line
    except ModuleNotFoundError as error:
        if error.name != "cxrphantom":
            raise
        raise CxrError(
            "demo: its simulator, cxrphantom, comes with a checkout of the project and "
            "not with the installed package; run it there: make demo"
        ) from error

    page = _show_in_viewer() if viewer else ""
    line.run(
        folder=folder,
        architecture=architecture,
        studies=studies,
        seed=seed,
        bias=bias,
        viewer=page,
    )


def _show_in_viewer() -> str:
    """Let results of this process go to the archive of `up`; give the viewer's page."""
    from cxrmlops.params import load_site
    from cxrmlops.stack import stack

    site = load_site()
    os.environ.update(stack.show_results_here(site, project=Path()))
    return f"http://{stack.here(Path(), site).at('viewer')}/"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="folder of films, any names, nested")],
    reports: Annotated[
        Path | None,
        typer.Option(help="report table or archive; else looked for"),
    ] = None,
    source: Annotated[
        Literal["hospital", "nih", "openi", "rsna"] | None,
        typer.Option(help="of films and reports; else by their look"),
    ] = None,
    force: Annotated[
        bool, typer.Option(help="replace lines of a site.yaml unasked")
    ] = False,
) -> None:
    """Make site.yaml, params.yaml and addresses.env here, for your own films.

    Settings that are there are kept; before a line of site.yaml changes it asks, and
    where nobody can answer it stops.

    Example: cxrmlops init /archive/chest --reports /archive/reports.csv

    At other films, unasked: cxrmlops init /archive/more --force
    """
    from cxrmlops.quickstart.site_setup import set_up

    def may_replace(question: str) -> bool:
        return force or (sys.stdin.isatty() and typer.confirm(question))

    typer.echo(set_up(folder, reports=reports, source=source, may_replace=may_replace))


for commands in (stages, review, scoring, models, rollout, operation, export, servers):
    app.add_typer(commands.app)
app.add_typer(backlog.app, name="backlog")


def run() -> NoReturn:
    """Run the command line; our own errors end with one line, not a traceback."""
    collect_seldom()
    spare_loopback()
    try:
        with guarded():
            app()
    except CxrError as error:
        raise SystemExit(f"error: {error}") from None
    raise SystemExit(0)


if __name__ == "__main__":
    run()
