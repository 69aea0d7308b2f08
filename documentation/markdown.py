"""Words of the code -> Markdown, signs that Markdown takes for its own escaped."""

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`|^ {4}.*$)", re.MULTILINE)


def text(words: str) -> str:
    """Keep `<` and `&` what they are; code between backticks stays as it is."""
    parts = _CODE.split(words)
    return "".join(
        part
        if part.startswith(("`", "    "))
        else part.replace("&", "&amp;").replace("<", "&lt;").replace("__", r"\_\_")
        for part in parts
    )


def cell(words: str) -> str:
    """Make a text fit into one cell of a table."""
    return text(" ".join(words.split())).replace("|", r"\|")


def code(words: object) -> str:
    """Show as code; "" stays empty."""
    shown = str(words).replace("|", r"\|")
    return f"`{shown}`" if shown else ""


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table; cells are Markdown already."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def sentence(words: str) -> str:
    """Begin with a capital letter, and end with a full stop where nothing ends it."""
    words = words.strip()
    end = "" if not words or words[-1] in ".:;!?`" else "."
    first = words.split(" ")[0]
    if "." in first.rstrip(".,:;"):  # a file's name
        return words + end
    return words[:1].upper() + words[1:] + end
