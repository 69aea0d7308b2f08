"""
CSV that people open in a spreadsheet: text stays text.

A spreadsheet runs a field that begins with one of a few signs as a formula. Such a
field gets an apostrophe before it (OWASP, CSV Injection); reading takes it off again.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

# also behind what a spreadsheet of another country takes for the end of a field
_BEGIN = r"(?:\A|(?<=[,;\t\r\n]))"
_SIGN = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # the last four: full width
_FORMULA = re.compile(rf"{_BEGIN}(?='*{_SIGN})")
_DEFUSED = re.compile(rf"{_BEGIN}'(?='*{_SIGN})")


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write a table for people: no field is a formula, what a row lacks is empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="")
    table.writeheader()
    for row in rows:
        table.writerow({name: defuse(str(value)) for name, value in row.items()})
    return text.getvalue()


def defuse(text: str) -> str:
    """Put an apostrophe before every beginning of a formula."""
    return _FORMULA.sub("'", text)


def as_meant(text: str) -> str:
    """Take off again what `defuse` put on."""
    return _DEFUSED.sub("", text)
