"""Films for people outside, without identity."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def export(
    films: Annotated[Path, typer.Argument(help="a file, or a folder of them")],
    out: Annotated[Path, typer.Option(help="folder for the export")],
    recipient: Annotated[str, typer.Option("--for", help="colleague or study")],
    studies: Annotated[
        Path | None, typer.Option(help="text file, a Study Instance UID a line")
    ] = None,
    cleared: Annotated[
        Path | None, typer.Option(help="text file, UIDs of held films you looked at")
    ] = None,
) -> None:
    """Write films without identity (PS3.15 Basic Profile); hold those with words.

    Only to_send may leave; stays_here lists what is held. Another recipient gets other
    pseudonyms. Run it again to go on.

    Example: cxrmlops export /films --studies uids.txt --for trial-7 --out export
    """
    from cxrmlops.dicom.deidentification.pseudonyms import Pseudonyms
    from cxrmlops.dicom.identity import pseudonym_key
    from cxrmlops.export.run import audit_place
    from cxrmlops.export.run import export as write

    counts = write(
        films,
        out,
        Pseudonyms.for_recipient(pseudonym_key(), recipient),
        recipient=recipient,
        studies=_lines(studies) if studies else None,
        cleared=_lines(cleared) if cleared else (),
    )
    typer.echo(", ".join(f"{n} {name}" for name, n in counts.model_dump().items()))
    typer.echo(f"Send {out / 'to_send'} alone; {out / 'stays_here'} names films.")
    typer.echo(f"Who got what stands in {audit_place(out)}.")


def _lines(path: Path) -> frozenset[str]:
    from cxrmlops.system.errors import DataError

    try:
        return frozenset(path.read_text(encoding="utf-8-sig").split())
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} is no text file; write one UID a line") from None
