"""
From what reports conclude to one label per study.

The policy, in words. A report concludes NSF (no significant finding), ASF (any
significant finding), uncertain (it does not commit itself) or disputed (two readings
contradict each other). A study whose reports all conclude the same has that
conclusion; otherwise it is disputed. Only NSF and ASF are labels: uncertain and
disputed studies are set aside and counted, never guessed.
"""

import re
from enum import StrEnum

import pandas as pd

from cxrmlops.system.errors import DataError

POLICY = "1"  # raise it whenever the paragraph above changes

SHOWN_WORDS = 5  # unknown words named in a message; the rest are counted
LONGEST_WORD = 24  # characters; more is free text, which is never shown


class Conclusion(StrEnum):
    """What a report, or all reports of a study, conclude."""

    NSF = "NSF"
    ASF = "ASF"
    UNCERTAIN = "uncertain"
    DISPUTED = "disputed"


_BY_WORD = {conclusion.casefold(): conclusion.value for conclusion in Conclusion}


def read_conclusions(words: pd.Series, *, where: str) -> pd.Series:
    """Read a column of conclusions, whatever their case and surrounding spaces.

    Args:
        words: shape (n_reports,), text.
        where: file and column, for the message.

    Returns:
        Shape (n_reports,), string: NSF, ASF, uncertain or disputed.

    Raises:
        DataError: a word that is none of the four.
    """
    plain = words.str.strip().str.casefold()
    known = plain.map(_BY_WORD)
    unknown = plain[known.isna()]
    if len(unknown):
        raise DataError(
            f"{where}: {len(unknown)} of {len(words)} row(s) hold a word that is no "
            f"conclusion ({_shown(unknown)}); write {', '.join(Conclusion)} instead"
        )
    return known.astype("string")


def label_studies(reports: pd.DataFrame) -> pd.DataFrame:
    """Join all reports of a study into one conclusion.

    Args:
        reports: columns study_id, conclusion, findings and codes (joined by "|"), one
            row per report; several rows per study allowed, in any order.

    Returns:
        The same columns, one row per study, sorted by study_id.
    """
    if reports.empty:
        return reports[["study_id", "conclusion", "findings", "codes"]]
    # most studies have one report: only the others need a look at every row
    several = reports.study_id.duplicated(keep=False)
    joined = [
        (
            study,
            _one_conclusion(rows.conclusion),
            _join(rows.findings),
            _join(rows.codes),
        )
        for study, rows in reports[several].groupby("study_id")
    ]
    columns = ["study_id", "conclusion", "findings", "codes"]
    both = [reports.loc[~several, columns], pd.DataFrame(joined, columns=columns)]
    labels = pd.concat(both) if joined else both[0]
    return labels.sort_values("study_id", ignore_index=True).astype("string")


def split_codes(text: str) -> list[str]:
    """Take "a| b|" apart into its codes, without blanks and repeats, sorted."""
    return sorted({code.strip() for code in text.split("|")} - {""})


def _one_conclusion(conclusions: pd.Series) -> str:
    found = set(conclusions)
    return str(found.pop()) if len(found) == 1 else Conclusion.DISPUTED.value


def _join(codes: pd.Series) -> str:
    return "|".join(split_codes("|".join(codes)))


def _shown(words: pd.Series) -> str:
    counts = words.value_counts().sort_index()
    names = [
        f"{_quoted(word)} {n} time(s)" for word, n in list(counts.items())[:SHOWN_WORDS]
    ]
    more = len(counts) - len(names)
    return ", ".join(names) + (f" and {more} other word(s)" if more else "")


def _quoted(word: str) -> str:
    """Show a word, but nothing that could be a name, a number or a report."""
    if not word:
        return "empty"
    plain = len(word) <= LONGEST_WORD and word.isprintable()
    if not plain or "^" in word or re.search(r"\d{4}", word):
        return f"a text of {len(word)} letters"
    return f"'{word}'"
