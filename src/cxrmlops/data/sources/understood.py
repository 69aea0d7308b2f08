"""Words of a table that nobody understands are said, never taken for unknown unsaid."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from cxrmlops.system.errors import DataError

MOST = 0.5  # share of the filled fields; more that is not understood is another table
LONGEST_WORD = 24  # characters; more is free text, which is never shown

log = logging.getLogger(__name__)


def require_understood(
    column: pd.Series, is_understood: Callable[[str], bool], *, where: Path
) -> None:
    """Warn of values that will count as unknown; refuse a column that is mostly those.

    Args:
        column: text, named, indexed by the lines of the file; "" is not filled in.
        is_understood: told one value, stripped.
        where: the file, for the message.

    Raises:
        DataError: more than `MOST` of what is filled in is not understood.
    """
    filled = column[column.str.strip() != ""].str.strip()
    known = {text: is_understood(text) for text in filled.unique()}
    strange = filled[~filled.map(known).astype(bool)]
    if not len(strange):
        return
    said = (
        f"{where}: column '{column.name}': {len(strange)} of {len(filled)} value(s) "
        f"are not understood, first in line {strange.index[0]} "
        f"({shown(strange.iloc[0])})"
    )
    if len(strange) > MOST * len(filled):
        raise DataError(f"{said}; correct the column, or empty it where it is unknown")
    log.warning("cohort: %s; they count as unknown", said)


def shown(word: str) -> str:
    """Show a word, its digits as 9; nothing that could be a name or a report."""
    if len(word) > LONGEST_WORD or not word.isprintable() or "^" in word:
        return f"a text of {len(word)} letters"
    return "'" + re.sub(r"\d", "9", word) + "'"
