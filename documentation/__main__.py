"""`python -m documentation`: build the site into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from documentation.build import build


def main(
    out: Annotated[Path, typer.Option(help="folder of the site, replaced")] = Path(
        "site"
    ),
) -> None:
    """Build the documentation; any warning is an error."""
    build(Path(), out)
    typer.echo(f"open {out / 'index.html'}")


if __name__ == "__main__":
    typer.run(main)
