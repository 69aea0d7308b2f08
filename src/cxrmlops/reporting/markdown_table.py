"""A table in Markdown, for pages that Prefect and MLflow show."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Write the lines of a table; a cell's own bars and line ends are no table's."""
    return [
        _line(heads),
        "|---" * len(heads) + "|",
        *map(_line, rows),
    ]


def _line(cells: Sequence[object]) -> str:
    plain = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |"
