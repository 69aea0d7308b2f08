"""The page of reasons why a film gets no answer, from the table that decides."""

from cxrmlops.data.cohort import AFTER_HEADERS, BEFORE_HEADERS, STUDY_EXCLUSIONS
from cxrmlops.vocabulary.reasons import REASONS, Kind
from documentation.markdown import cell, code, table

FOLLOWS = {
    Kind.OUT_OF_SCOPE: "no report",
    Kind.NOT_EVALUABLE: "a report says not evaluable",
    Kind.NO_IDENTITY: "named in lists and counts",
    Kind.COPY: "another image of the study gives the answer",
}


def page() -> str:
    """List every reason, for the cohort and for the night."""
    return "\n".join(
        [
            "# Reasons",
            "",
            "Why a film is not in the cohort, or gets no answer at night.",
            "",
            "## Of a file\n",
            table(
                ("reason", "what follows at night", "in words"),
                [
                    (code(name), FOLLOWS[one.kind], cell(one.english))
                    for name, one in REASONS.items()
                ],
            ),
            "## Of the cohort alone\n",
            table(
                ("reason", "in words"),
                [
                    (code(name), cell(words))
                    for name, words in (BEFORE_HEADERS | AFTER_HEADERS).items()
                ],
            ),
            "## Of a reported study\n",
            table(
                ("reason", "in words"),
                [(code(name), cell(words)) for name, words in STUDY_EXCLUSIONS.items()],
            ),
        ]
    )
