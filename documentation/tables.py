"""The page of tables between stages, from the tables themselves."""

from collections.abc import Iterator
from pathlib import Path

from cxrmlops.records import tables
from documentation.markdown import cell, code, sentence, table, text
from documentation.source_comments import comment_above, dictionary_keys


def page() -> str:
    """Describe every table, with the columns that its readers may count on."""
    lines = [
        "# Tables",
        "",
        "What one stage hands to the next: Parquet files in `data/<stage>/`. Columns "
        "and types are checked when a table is written and when it is read; a file may "
        "hold more columns than are promised here.",
        "",
    ]
    source = Path(tables.__file__)
    about, keys = comment_above(source), dictionary_keys(source)
    for name, one in named_tables():
        lines.append(f"## {name}\n")
        said = about.get(name, "")
        lines.append(f"`{one.name}`. {text(sentence(said))}\n")
        lines.append(
            table(
                ("column", "type", "what"),
                [
                    (code(column), code(kind), cell(_said(keys, name, column)))
                    for column, kind in one.columns.items()
                ],
            )
        )
    return "\n".join(lines)


def named_tables() -> Iterator[tuple[str, tables.Table]]:
    """Yield every table of the module under its name, in their order."""
    for name, value in vars(tables).items():
        if isinstance(value, tables.Table):
            yield name, value


def _said(keys: dict[str, dict[str, str]], name: str, column: str) -> str:
    """Return the column's comment; a column taken over has that of where it began."""
    own = keys.get(name, {}).get(column)
    if own:
        return own
    return next((each[column] for each in keys.values() if each.get(column)), "")
