"""How far the roll-out is, and which version reads along without delivery."""

from typing import Annotated

import typer

from cxrmlops.commands import DATA

app = typer.Typer()


@app.command("roll-out")
def roll_out(
    stage: Annotated[
        str, typer.Argument(help="shadow, supervised or active; none shows")
    ] = "",
    name: Annotated[str, typer.Option(help="who decides")] = "",
    reason: Annotated[str, typer.Option(help="why")] = "",
    skip_supervised: Annotated[
        bool, typer.Option("--skip-supervised", help="from shadow to active at once")
    ] = False,
) -> None:
    """Show the stage of this site, or let it go to another: kept for good.

    shadow: nothing goes to the archive that images come from. supervised: delivered, a
    radiologist confirms every answer. active: delivered. Nights take a change up when
    they begin. Back is always possible, at once.

    Example: cxrmlops roll-out

    Forward: cxrmlops roll-out supervised --name "A. Person" --reason "40 nights agree"
    """
    if not stage:
        from cxrmlops.promotion.rollout_state import read_state

        typer.echo("\n".join(read_state().lines()))
        return
    from cxrmlops.params import load_params
    from cxrmlops.promotion import rollout

    said = rollout.change_stage(
        stage,
        name=name,
        reason=reason,
        approvers=load_params().promotion.approvers,
        skip_supervised=skip_supervised,
    )
    typer.echo(said)


@app.command()
def challenger(
    version: Annotated[
        str, typer.Argument(help="number or alias, none ends it; nothing compares")
    ] = "",
    name: Annotated[str, typer.Option(help="who decides")] = "",
    reason: Annotated[str, typer.Option(help="why")] = "",
    read: Annotated[
        bool, typer.Option("--read", help="let it read now what waits for it")
    ] = False,
) -> None:
    """Let a version read along without delivery, or compare it with the champion.

    Each night it reads, after all is delivered, what the champion has answered. Its
    answers stay in the ledger. The comparison is printed, and written to
    data/challenger/.

    Example: cxrmlops challenger candidate --name "A. Person" --reason "trained on 2026"

    Compare: cxrmlops challenger
    """
    from cxrmlops.params import load_params, load_site

    if read:
        from cxrmlops.promotion.challenger_reading import read_waiting

        typer.echo(read_waiting(load_params(), load_site()))
    elif version:
        from cxrmlops.promotion import rollout

        typer.echo(rollout.decide_challenger(version, name=name, reason=reason))
    else:
        from cxrmlops.promotion.challenger_comparison import compare_challenger
        from cxrmlops.reporting.challenger_page import challenger_text, write_page

        found = compare_challenger(load_params(), load_site())
        write_page(DATA / "challenger", found)
        typer.echo(challenger_text(found).rstrip())
